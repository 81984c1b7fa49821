#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/key_table.hpp"

namespace kvctl::mvcc {

/// A value for each distinct key, on the index's own table of keys: std::unordered_map, which looks at a node
/// a key and hashes it again to tell where it stands, took a quarter of a check.
template <class T>
class KeyMap {
  public:
    /// A new T where there is none yet. The reference holds until the next call.
    [[nodiscard]] T& operator[](std::string_view key) {
        names_.reserve(1);
        const KeyId id = names_.insert(key, hash_key(key));
        if (id == values_.size()) values_.emplace_back();
        return values_[id];
    }
    /// In order of first sight.
    [[nodiscard]] std::span<T> values() noexcept { return values_; }
    [[nodiscard]] std::span<const T> values() const noexcept { return values_; }

  private:
    KeyTable names_;
    std::vector<T> values_;
};

}  // namespace kvctl::mvcc
