#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>

#include "kvctl/base/finding.hpp"
#include "kvctl/report/compaction_report.hpp"

namespace kvctl::report {

struct CheckReport {
    StoreFacts store;
    std::uint64_t pages = 0;                      ///< of the file, whose structure was looked at
    std::uint64_t rows = 0;                       ///< revisions
    std::optional<std::uint64_t> raft_entries{};  ///< of the log; nullopt: there is none that can be read
    bool objects = false;                         ///< values were looked into as well
    std::int64_t duration_ms = 0;
    Findings findings;  ///< errors first, then warnings, then information

    /// Nothing above information was found.
    [[nodiscard]] bool ok() const noexcept;
    /// How often each code was found, those included that are not named one by one.
    [[nodiscard]] std::map<std::string, std::uint64_t> counts() const;
};

void write_text(std::ostream& out, const CheckReport& report, const TextStyle& style);
void write_json(std::ostream& out, const CheckReport& report);
/// A line a finding, the summary last.
void write_jsonl(std::ostream& out, const CheckReport& report);

}  // namespace kvctl::report
