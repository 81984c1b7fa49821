#pragma once
#include <ostream>
#include <vector>

#include "kvctl/mvcc/key_index.hpp"

namespace kvctl::report {

/// The keyIndex tree, keys in byte order: one block a key.
void write_index_text(std::ostream& out, const std::vector<mvcc::KeyIndex>& keys);
/// kvctl.index/1, streamed.
void write_index_json(std::ostream& out, const std::vector<mvcc::KeyIndex>& keys);
/// A line a key.
void write_index_jsonl(std::ostream& out, const std::vector<mvcc::KeyIndex>& keys);

}  // namespace kvctl::report
