#pragma once
#include <cstdint>

#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// What kine's prev_revision pointers say (kine.md 2 and 7).
struct ChainAudit {
    SlotSet referenced;                    ///< rows below the limit that a row below the limit points at
    std::uint64_t cross_key_pointers = 0;  ///< over the whole store
    std::uint64_t dangling_pointers = 0;   ///< above the compact revision, at a row that is not there
    std::uint64_t forward_pointers = 0;    ///< at or above the row's own id
};

/// Follows every pointer of an index built with prev_revision. `limit` is the first slot beyond the
/// compaction.
[[nodiscard]] ChainAudit audit_chain(const TreeIndex& index, Slot limit, MainRevision compacted);

}  // namespace kvctl::mvcc
