#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvctl::store {

/// What a page of a store's file is for.
enum class PageUse : std::uint8_t {
    free,      ///< nothing: SQLite's list of free pages, or reached from nowhere
    rows,      ///< rows of the table, or of the bucket, of revisions
    overflow,  ///< the rest of a row too long for its page
    inner,     ///< leads to pages of rows
    index,     ///< of an index over the revisions
    other,     ///< headers, bookkeeping, a raft log, other tables and buckets
};

/// The pages of a file in their order.
struct PageMap {
    std::uint64_t page_size = 0;
    std::vector<PageUse> use;  ///< by page, the first one 0
    /// How much of the rows on a page, or of the row that an overflow page belongs to, is live, in 255ths;
    /// 0 for every other page.
    std::vector<std::uint8_t> live;

    PageMap(std::uint64_t size_of_page, std::size_t pages)
        : page_size(size_of_page), use(pages, PageUse::free), live(pages, 0) {}
};

}  // namespace kvctl::store
