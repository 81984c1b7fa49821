#include "kvctl/mvcc/key_table.hpp"

#include <algorithm>
#include <cstring>

#include "kvctl/base/error.hpp"

namespace kvctl::mvcc {

const char* KeyTable::keep(std::string_view key) {
    if (key.size() > free_bytes_) {
        const std::size_t n = std::max(block_sizes::k_arena_bytes, key.size());
        arena_.push_back(std::make_unique_for_overwrite<char[]>(n));  // NOLINT
        free_ = arena_.back().get();
        free_bytes_ = n;
    }
    char* const p = free_;
    if (!key.empty()) std::memcpy(p, key.data(), key.size());
    free_ += key.size();
    free_bytes_ -= key.size();
    return p;
}

void KeyTable::reserve(std::size_t more) {
    std::size_t size = table_.size();
    while ((count_ + more) * 4 > size * 3) size *= 2;
    if (size == table_.size()) return;
    std::vector<Entry> grown(size, Entry{0, k_no_key});
    for (const Entry& e : table_) {
        if (e.id == k_no_key) continue;
        std::size_t i = hash_key(at(e.id).name()) & (size - 1);
        while (grown[i].id != k_no_key) i = (i + 1) & (size - 1);
        grown[i] = e;
    }
    table_.swap(grown);
}

KeyId KeyTable::find(std::string_view key, std::uint64_t hash) noexcept {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t i = hash & mask; table_[i].id != k_no_key; i = (i + 1) & mask) {
        if (table_[i].tag != tag_of(hash)) continue;
        if (at(table_[i].id).name() == key) return table_[i].id;
    }
    return k_no_key;
}

KeyId KeyTable::insert(std::string_view key, std::uint64_t hash) {
    if (const KeyId known = find(key, hash); known != k_no_key) return known;
    if (count_ >= k_gap_key) throw Error(ErrorKind::refused, "more than 4294967293 distinct keys");
    const auto id = static_cast<KeyId>(count_);
    if (id >> k_chunk_bits == chunks_.size())
        chunks_.push_back(std::make_unique_for_overwrite<KeyRecord[]>(k_chunk));  // NOLINT
    at(id) = {.data = keep(key),
              .size = static_cast<std::uint32_t>(key.size()),
              .rows = 0,
              .begin = 0,
              .end = 0,
              .created = 0,
              .version = 0,
              .created_sub = 0,
              .first_segment = KeyRecord::k_no_segment,
              .last_version = 0};
    ++count_;
    const std::size_t mask = table_.size() - 1;
    std::size_t i = hash & mask;
    while (table_[i].id != k_no_key) i = (i + 1) & mask;
    table_[i] = {tag_of(hash), id};
    return id;
}

}  // namespace kvctl::mvcc
