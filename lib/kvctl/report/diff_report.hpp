#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// A key that reads differently in two stores.
struct DiffKey {
    enum class Side { a, b, both };

    std::string key;
    Side side = Side::both;
    std::vector<std::string> what;  ///< "value", "lease", …; only of a key in both
    std::uint64_t bytes_a = 0;      ///< of the value
    std::uint64_t bytes_b = 0;
    std::vector<std::string> fields;  ///< of a Kubernetes object, where they were asked for
};

/// What `kvctl diff` says: keys, what differs and, asked for, sizes and field paths; no values.
struct DiffReport {
    StoreFacts a;
    StoreFacts b;
    MainRevision revision_a;
    MainRevision revision_b;
    std::uint64_t compared = 0;  ///< keys in both
    std::uint64_t only_a = 0;
    std::uint64_t only_b = 0;
    std::uint64_t differ = 0;
    std::vector<DiffKey> keys;  ///< in the order of their bytes
    bool values = false;        ///< with sizes and fields
    Notes notes;

    [[nodiscard]] bool equal() const noexcept { return only_a + only_b + differ == 0; }
};

void write_text(std::ostream& out, const DiffReport& report, const TextStyle& style);
void write_json(std::ostream& out, const DiffReport& report);
/// A line a key, then the summary.
void write_jsonl(std::ostream& out, const DiffReport& report);

}  // namespace kvctl::report
