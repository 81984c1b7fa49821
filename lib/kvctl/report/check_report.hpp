#pragma once
#include <cstdint>
#include <map>
#include <ostream>
#include <string>

#include "kvctl/base/finding.hpp"
#include "kvctl/report/compaction_report.hpp"

namespace kvctl::report {

struct CheckReport {
    StoreFacts store;
    Findings findings;  ///< errors first, then warnings, then information

    /// Nothing above information was found.
    [[nodiscard]] bool ok() const noexcept;
    /// How often each code was found, those included that are not named one by one.
    [[nodiscard]] std::map<std::string, std::uint64_t> counts() const;
};

void write_text(std::ostream& out, const CheckReport& report);
void write_json(std::ostream& out, const CheckReport& report);
/// A line a finding, the summary last.
void write_jsonl(std::ostream& out, const CheckReport& report);

}  // namespace kvctl::report
