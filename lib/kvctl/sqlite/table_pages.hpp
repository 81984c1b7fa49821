#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "kvctl/sqlite/page_file.hpp"
#include "kvctl/sqlite/page_row.hpp"

namespace kvctl::sqlite {

/// The b-tree of a table with rowids, down to the pages above its leaves.
///
/// Everything that is read is doubted: types of pages, bounds of cells, rowids that ascend within the bounds
/// that the pages above give. So no page can be taken twice, and where nothing is odd SQLite finds the same
/// rows in the same order.
class TablePages {
  public:
    /// A page and the rowids below it: above `after`, up to `upto`.
    struct Node {
        std::uint32_t page = 0;
        std::int64_t after = std::numeric_limits<std::int64_t>::min();
        std::int64_t upto = std::numeric_limits<std::int64_t>::max();
    };

    /// nullopt: not as expected.
    static std::optional<TablePages> find(const PageFile& file, std::uint32_t root);

    /// In order of rowids: the pages above the leaves, or the root where that is a leaf.
    [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }

    /// Hands the rows below these nodes, in order of rowids, to `f`; each lives during the call. False: not
    /// as expected, or `f` has asked a row for what only SQLite can tell; then what `f` got says nothing.
    [[nodiscard]] bool each_row(const PageFile& file, std::span<const Node> nodes,
                                std::span<const PageRow::Place> places,
                                const std::function<void(const PageRow&)>& f) const;

  private:
    std::vector<Node> nodes_;
    bool root_is_leaf_ = false;
};

}  // namespace kvctl::sqlite
