#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// The rows that a plan removes, cut into transactions of about `size` of them. A kine store's go in the
/// order in which a rising compact revision releases them, since every batch is a compaction of its own;
/// what one revision releases stays together. Holds on to `index`.
class Batches {
  public:
    Batches(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan, Layout layout, std::int64_t size);

    [[nodiscard]] std::size_t rows() const noexcept { return rows_.size(); }
    /// The batch that begins with the row numbered `begin`; empty only when the plan removes nothing.
    [[nodiscard]] std::span<const mvcc::Slot> from(std::size_t begin) const { return from(begin, size_); }
    /// The same of another size.
    [[nodiscard]] std::span<const mvcc::Slot> from(std::size_t begin, std::size_t size) const;
    /// How many rows, from the first on, a compact revision of `at` releases; kine only.
    [[nodiscard]] std::size_t released_by(MainRevision at) const;
    /// The compact revision that a batch reaches, which is not empty.
    [[nodiscard]] MainRevision reached_by(std::span<const mvcc::Slot> batch) const;

  private:
    const mvcc::TreeIndex& index_;
    std::size_t size_;
    std::vector<mvcc::Slot> rows_;
    std::vector<mvcc::Slot> released_by_;  // kine: by slot, the row at whose revision it may go
};

}  // namespace kvctl::store
