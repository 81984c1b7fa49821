#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "gen_database.hpp"

namespace kvctl::gen {

/// The log that makes a generated history: a member joins (index 1, term 1), a leader begins its term with an
/// empty entry (index 2, term 2), leases are granted, and from then on each entry is one transaction of the
/// key space.
inline constexpr std::uint64_t k_raft_leases = 64;
inline constexpr std::int64_t k_first_lease = 0x694d81417a1f4a00;
inline constexpr std::uint64_t k_raft_member = 0x8e9e05c52164694d;
inline constexpr std::uint64_t k_first_main = 2;  // revision 1 is the empty store

/// The index of the entry that makes revision `main`.
[[nodiscard]] constexpr std::uint64_t raft_index_of(std::uint64_t main) noexcept {
    return main - k_first_main + 3 + k_raft_leases;
}

/// The id that the request of an entry carries in its header.
[[nodiscard]] constexpr std::uint64_t raft_request_id(std::uint64_t index) noexcept {
    return 0x3f5b6c1d00000000U + index;
}

/// Seconds that the lease of this number, counted from 0, was granted for.
[[nodiscard]] constexpr std::int64_t lease_ttl(std::uint64_t number) noexcept {
    return 60 + static_cast<std::int64_t>(number);
}

/// Field by field, the bytes of a protobuf message.
class Message {
  public:
    Message& number(unsigned field, std::uint64_t value);
    Message& bytes(unsigned field, std::string_view value);
    void clear() noexcept { bytes_.clear(); }
    [[nodiscard]] const std::string& str() const noexcept { return bytes_; }

  private:
    void varint(std::uint64_t value);
    std::string bytes_;
};

/// Collects the operations of one transaction and gives the request that carried them through the log: a put
/// or a delete when there is one, a txn when there are more.
class Request {
  public:
    void put(std::string_view key, std::string_view value, std::int64_t lease);
    void remove(std::string_view key);
    /// The encoded request of the entry at `index`; the next operation begins another one.
    [[nodiscard]] const std::string& take(std::uint64_t index);

  private:
    void operation(unsigned request_field, unsigned txn_field, const Message& body);

    unsigned operations_ = 0;
    Message single_;
    Message txn_;
    Message whole_;
};

struct Entry {
    std::uint64_t index = 0;
    std::uint64_t term = 0;
    int type = 0;  ///< 0 normal, 1 configuration change
    std::string_view data;
};

/// The entry at an index below that of the first transaction. Its data lives until the next call.
[[nodiscard]] Entry opening_entry(std::uint64_t index);

/// Writes the newest entries of a log into table raft_entry.
class RaftTable {
  public:
    /// The log ends with revision `last_main` and keeps `entries` of its entries (all, if it has no more).
    RaftTable(NewDatabase& db, std::uint64_t last_main, std::uint64_t entries);

    void put(std::string_view key, std::string_view value, std::int64_t lease) {
        request_.put(key, value, lease);
    }
    void remove(std::string_view key) { request_.remove(key); }
    void end_of_transaction(std::uint64_t main);

    /// Adds the hard state and the place of the entry before the first one.
    void write_meta(NewDatabase& db) const;

  private:
    void insert(const Entry& entry);

    Insert insert_;
    Request request_;
    std::uint64_t last_;
    std::uint64_t snapshot_;  ///< index of the entry before the first one kept
};

}  // namespace kvctl::gen
