#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/naive_store.hpp"

namespace kvctl::test {

/// How a native store is written by hand, with SQL alone, as kvctl-store(5) lets anybody do.
struct NativeShape {
    bool shuffled = false;   ///< rows in no order
    bool key_index = false;  ///< with an index by key
    bool wal = false;        ///< journal mode WAL
    bool raft = false;       ///< an empty raft_entry table
    int page_size = 4096;
    int reserved = 0;      ///< bytes kept free at the end of each page
    std::string before{};  ///< SQL run first: encoding, auto_vacuum
    std::string after{};   ///< SQL run last
    std::vector<std::pair<std::string, std::int64_t>> meta{};
};

/// Writes `rows` to a new file.
void make_native(const std::string& path, const std::vector<naive::Row>& rows, const NativeShape& shape = {});

/// Rows of a native store in revision order.
[[nodiscard]] std::vector<naive::Row> native_rows(const std::string& path);
/// A value of table meta; -1 when it is absent.
[[nodiscard]] std::int64_t native_meta(const std::string& path, const std::string& name);

}  // namespace kvctl::test
