#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace kvctl::store {

class Store;

/// A file and its -wal as the file system sees them; two that are equal mean that nobody wrote in between.
struct Fingerprint {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t wal_size = -1;  ///< -1: there is none
    std::int64_t wal_modified_ns = 0;
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};
[[nodiscard]] Fingerprint fingerprint(const std::string& path);

/// Runs `copy`, which reads all that is copied of `store`; the copy gets its name afterwards. Throws in_use
/// when the store was changed meanwhile and what was read may be of two moments, or made no sense for it.
void copy_one_moment(const Store& store, const std::function<void()>& copy);

/// The Error of a copy whose source was changed.
[[noreturn]] void throw_changed(const std::string& path);

}  // namespace kvctl::store
