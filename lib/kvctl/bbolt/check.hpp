#pragma once
#include <cstdint>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/bbolt/file.hpp"

namespace kvctl::bbolt {

/// How a file's pages are used.
struct PageUse {
    std::uint64_t pages = 0;      ///< in the file, whole ones
    std::uint64_t reachable = 0;  ///< metas, the freelist's own and every bucket's pages, overflow included
    std::uint64_t free = 0;       ///< named by the freelist; 0 when none is stored
    std::uint64_t unused = 0;     ///< below the high-water mark, neither reachable nor named free
    std::uint64_t buckets = 0;
    std::uint64_t elements = 0;  ///< of all buckets, buckets not counted
};

/// Walks all pages from the winning meta and tells what is wrong with the structure. Reading goes on past
/// damage: what stands below a broken page is skipped, and then counts as unused.
///
/// Codes: `bbolt-meta`, `bbolt-length`, `bbolt-digest`, `bbolt-page` (a page that cannot be read),
/// `bbolt-page-twice` (reached on two ways), `bbolt-key-order`, `bbolt-key-range` (outside of what the
/// branches above say), `bbolt-bucket`, `bbolt-freelist`, `bbolt-empty-page`; as warnings `bbolt-unused`
/// (lost pages; only where a freelist is stored), `bbolt-locked`.
PageUse check_structure(const File& file, Findings& findings, Progress* progress);

}  // namespace kvctl::bbolt
