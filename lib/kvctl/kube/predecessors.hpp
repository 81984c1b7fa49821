#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/record.hpp"

namespace kvctl::kube {

/// Finds the row before each row of a pass in revision order. Of each key the newest revision is remembered,
/// and of the keys written lately the value, up to a number of bytes; an older value is fetched.
class Predecessors {
  public:
    /// A stored value by its revision; nullopt: it is not there.
    using Fetch = std::function<std::optional<std::string>(mvcc::Revision)>;

    static constexpr std::size_t k_cache_bytes = std::size_t{64} << 20;

    explicit Predecessors(Fetch fetch, std::size_t cache_bytes = k_cache_bytes)
        : fetch_(std::move(fetch)), cache_bytes_(cache_bytes) {}

    struct Before {
        std::uint32_t key = 0;   ///< numbers keys from 0 as they come
        bool seen = false;       ///< a row of the key came before
        bool tombstone = false;  ///< and it was one
        mvcc::Revision revision;
        /// Of the row before, where it is stored and was a put; asked for only where `value_wanted`.
        std::optional<std::string_view> value;

        /// Whether a record begins a life of its key, as far as the rows tell.
        [[nodiscard]] bool created(const mvcc::Record& record) const noexcept {
            if (record.tombstone) return false;
            return seen ? tombstone : record.create_revision == record.revision.main;
        }
    };
    /// What came before a record; the value lives until the next call. Then the record is what came last;
    /// `keep`: its value may be wanted.
    [[nodiscard]] Before step(const mvcc::Record& record, bool value_wanted, bool keep);

    [[nodiscard]] std::size_t key_count() const noexcept { return keys_.size(); }
    [[nodiscard]] std::string_view key(std::uint32_t id) const noexcept;

  private:
    struct Key {
        std::size_t at = 0;  // in text_
        std::uint32_t size = 0;
        bool tombstone = false;
        bool cached = false;  // `value` is that of the newest row
        bool in_ring = false;
        bool recent = false;  // written since the hand came by
        mvcc::Revision last;
        std::string value;
    };
    [[nodiscard]] std::uint32_t find_or_add(std::string_view wanted, bool& added);
    void grow();
    void cache(std::uint32_t id, std::string_view value);
    void forget_some();

    Fetch fetch_;
    std::size_t cache_bytes_;
    std::size_t cached_bytes_ = 0;  // capacities
    std::vector<Key> keys_;
    std::string text_;
    std::vector<std::uint32_t> table_;  // key number + 1; 0: free
    std::vector<std::uint32_t> ring_;   // keys whose `value` takes memory
    std::size_t hand_ = 0;
    std::string before_;  // the value handed out
};

}  // namespace kvctl::kube
