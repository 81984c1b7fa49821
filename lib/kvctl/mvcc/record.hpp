#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "kvctl/mvcc/revision.hpp"

namespace kvctl::mvcc {

/// One stored revision with its value: a view, valid until the next record is read.
struct Record {
    Revision revision;
    bool tombstone = false;
    std::string_view key;
    std::int64_t create_revision = 0;  ///< 0 on a tombstone
    std::int64_t version = 0;          ///< 0 on a tombstone; always 0 in a kine store, which has none
    std::int64_t lease = 0;            ///< 0: none
    std::string_view value;            ///< empty on a tombstone
    std::string_view stored;           ///< the KeyValue message as stored, when the layout stores one (bbolt)
    bool has_stored = false;
    /// As the index counts them, where that is more than key and value: kine's old_value, and what a
    /// tombstone's row holds.
    std::uint64_t stored_bytes = 0;

    /// Bytes of the key and of what is stored for it.
    [[nodiscard]] std::uint64_t size() const noexcept {
        return stored_bytes != 0 ? stored_bytes : key.size() + value.size();
    }
};

/// Whether a row is a marker: `snapshot restore --bump-revision` puts one, without key and value, at the
/// revision it raises the store to. It is no key of anyone's (etcd.md 5.3).
[[nodiscard]] inline bool is_restore_marker(const Record& r) noexcept {
    return !r.tombstone && r.key.empty() && r.create_revision == 0 && r.version == 0;
}

/// Appends etcd's KeyValue message (etcd.md 1.2) for a record: only the key on a tombstone; zero and empty
/// fields left out; nothing at all for a record with neither key nor version (the row `--bump-revision`
/// writes).
void append_key_value(std::string& out, const Record& record);

/// Fields of a decoded KeyValue message; views into the message.
struct KeyValue {
    std::string_view key;
    std::int64_t create_revision = 0;
    std::int64_t mod_revision = 0;
    std::int64_t version = 0;
    std::string_view value;
    std::int64_t lease = 0;
};

/// False when `message` is not a KeyValue.
[[nodiscard]] bool decode_key_value(std::string_view message, KeyValue& out) noexcept;

}  // namespace kvctl::mvcc
