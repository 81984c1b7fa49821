#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/kube/churn.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// What `kvctl churn` says: names, paths and numbers, no values.
struct ChurnReport {
    StoreFacts store;
    std::string by;     ///< the word of --by
    std::string under;  ///< only keys that begin so
    MainRevision from;
    MainRevision to;
    std::optional<kube::Time> from_time;  ///< absent: there is no clock in the store
    std::optional<kube::Time> to_time;
    std::vector<kube::ChurnRow> rows;  ///< most writes first
    std::uint64_t all_rows = 0;        ///< how many there are, shown or not
    std::vector<kube::ChurnField> fields;
    kube::ChurnRow total;
    Notes notes;

    /// Writes an hour; nullopt: the window has no two times.
    [[nodiscard]] std::optional<double> per_hour(std::uint64_t writes) const noexcept;
};

void write_text(std::ostream& out, const ChurnReport& report, const TextStyle& style);
void write_json(std::ostream& out, const ChurnReport& report);
/// A line a row, a line a field, then the summary.
void write_jsonl(std::ostream& out, const ChurnReport& report);

}  // namespace kvctl::report
