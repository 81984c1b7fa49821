#pragma once
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/mvcc/key_index.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// The keyIndex tree.
struct IndexReport {
    std::optional<std::string> key;    ///< the one asked for; none: all
    std::vector<mvcc::KeyIndex> keys;  ///< in byte order
    Notes notes;
};

/// A block a key.
void write_text(std::ostream& out, const IndexReport& report);
/// kvctl.index/1, streamed.
void write_json(std::ostream& out, const IndexReport& report);
/// A line a key; where there are notes, a line of type `notes` last.
void write_jsonl(std::ostream& out, const IndexReport& report);

}  // namespace kvctl::report
