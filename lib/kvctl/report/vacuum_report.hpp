#pragma once
#include <cstdint>
#include <ostream>

#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

struct VacuumReport {
    StoreFacts store;
    bool executed = false;
    std::uint64_t file_before = 0;
    std::uint64_t file_after = 0;
    std::int64_t duration_ms = 0;
    std::string command;  ///< what would do it; only for a forecast
    Refusal refusal;      ///< why that would be refused
    Notes notes;
};

void write_text(std::ostream& out, const VacuumReport& report, const TextStyle& style);
/// kvctl.vacuum/1.
void write_json(std::ostream& out, const VacuumReport& report);
void write_jsonl(std::ostream& out, const VacuumReport& report);

}  // namespace kvctl::report
