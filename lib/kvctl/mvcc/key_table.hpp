#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/block_sizes.hpp"
#include "kvctl/mvcc/rows.hpp"

namespace kvctl::mvcc {

/// What the index knows of a distinct key: its bytes, its stretch of the order by key, and what a restart
/// learns from its first put.
struct KeyRecord {
    const char* data;
    std::uint32_t size;
    std::uint32_t rows;   ///< stored rows, indexed or not
    std::uint32_t begin;  ///< in the order by key
    std::uint32_t end;
    std::int64_t created;  ///< of the first put
    std::int64_t version;  ///< of the first put; 0: none seen
    std::uint32_t created_sub;
    std::uint16_t first_segment;  ///< that held the first put
    std::uint8_t last_version;    ///< lowest byte, while rows are put in their places

    static constexpr std::uint16_t k_no_segment = 0xFFFF;
    [[nodiscard]] std::string_view name() const noexcept { return {data, size}; }
};

/// Distinct keys: their bytes in an arena, their records in chunks that never move, found through an
/// open-addressing table of (hash bits, id) pairs. Ids run from 0 in order of first sight.
class KeyTable {
  public:
    struct Entry {
        std::uint32_t tag;
        KeyId id;
    };

    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] KeyRecord& at(KeyId id) noexcept { return chunks_[id >> k_chunk_bits][id & (k_chunk - 1)]; }
    /// The id of a key, or k_no_key.
    [[nodiscard]] KeyId find(std::string_view key, std::uint64_t hash) noexcept;
    /// The id of a key, a new one where there is none yet. Room must have been reserved.
    [[nodiscard]] KeyId insert(std::string_view key, std::uint64_t hash);
    void reserve(std::size_t more);
    /// Where the search for a hash begins; it stays there until the next reserve().
    [[nodiscard]] const Entry* first_place(std::uint64_t hash) const noexcept {
        return &table_[hash & (table_.size() - 1)];
    }
    /// For those who fill the table from several threads; the functions above do not take it.
    [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }

  private:
    static constexpr std::size_t k_chunk_bits = block_sizes::k_key_chunk_bits;
    static constexpr std::size_t k_chunk = std::size_t{1} << k_chunk_bits;

    static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32);
    }
    const char* keep(std::string_view key);

    std::mutex mutex_;
    std::vector<std::unique_ptr<KeyRecord[]>> chunks_;  // NOLINT: fixed-size chunks, never resized
    std::size_t count_ = 0;
    std::vector<std::unique_ptr<char[]>> arena_;  // NOLINT
    char* free_ = nullptr;
    std::size_t free_bytes_ = 0;
    std::vector<Entry> table_ = std::vector<Entry>(block_sizes::k_table_entries, Entry{0, k_no_key});
};

}  // namespace kvctl::mvcc
