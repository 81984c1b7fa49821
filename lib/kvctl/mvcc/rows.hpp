#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/block_sizes.hpp"
#include "kvctl/mvcc/revision.hpp"

namespace kvctl::mvcc {

/// What the index needs to know of one stored row.
struct IndexRow {
    enum class Kind : std::uint8_t {
        keyed,    ///< a put or a tombstone of a key
        gap,      ///< kine's gap row: a revision, but of no key; goes like a tombstone
        unkeyed,  ///< a row that cannot be placed (kine: NULL name or deleted); never goes
    };

    Revision revision;
    Kind kind = Kind::keyed;
    bool tombstone = false;
    std::string_view key;
    std::int64_t create_revision = 0;  ///< 0 on a tombstone
    std::int64_t version = 0;          ///< 0 on a tombstone and in kine
    std::uint64_t bytes = 0;           ///< key + value (kine: + old_value) bytes; capped at 2^32-1
    std::uint32_t overhead = 0;        ///< bytes of the stored record beside those; capped at 255
    std::int64_t prev_revision = 0;    ///< kine only: the row this one replaces; 0: none
};

/// A position in the index's row log. Slots ascend with the revision; they need not be dense.
using Slot = std::uint32_t;
inline constexpr Slot k_no_slot = 0xFFFFFFFF;

/// A number for a distinct key, in order of first sight.
using KeyId = std::uint32_t;
inline constexpr KeyId k_gap_key = 0xFFFFFFFE;
inline constexpr KeyId k_no_key = 0xFFFFFFFF;

/// Rows gathered on the way into the index: a scan fills one, the index empties it. Keys are copied, once,
/// into one buffer; the hash is taken while the bytes are warm.
class RowBatch {
  public:
    static constexpr std::size_t k_capacity = block_sizes::k_batch_rows;

    /// False when the batch is full afterwards: hand it to TreeIndex::add(), which clears it.
    bool push(const IndexRow& row);
    void clear() noexcept {
        rows_.clear();
        keys_.clear();
    }
    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

  private:
    friend class TreeIndex;
    struct Row {
        std::int64_t main;
        std::int64_t sub;
        std::int64_t create_revision;
        std::int64_t version;
        std::int64_t prev_revision;
        std::uint64_t hash;
        std::size_t key_at;
        std::uint32_t key_size;
        std::uint32_t bytes;
        std::uint8_t overhead;
        IndexRow::Kind kind;
        bool tombstone;
    };
    std::vector<Row> rows_;
    std::string keys_;
};

/// A 64-bit hash of a key's bytes.
[[nodiscard]] std::uint64_t hash_key(std::string_view key) noexcept;

}  // namespace kvctl::mvcc
