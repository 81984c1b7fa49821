#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace kvctl::fuzz {

/// A way to hand bytes to kvctl. Running one returns or throws; what it throws is a defect (promise.hpp).
struct Target {
    std::string_view name;  ///< also of its folder in testdata/fuzz
    void (*run)(std::string_view bytes);
    std::size_t longest;  ///< input, in bytes
};

[[nodiscard]] std::span<const Target> targets() noexcept;
/// Null when there is none of that name.
[[nodiscard]] const Target* find_target(std::string_view name) noexcept;

// Raft logs: each form alone, so that the fuzzer need not find out how it begins.
void jsonl_log(std::string_view bytes);
void dump_text_log(std::string_view bytes);
void dump_raw_log(std::string_view bytes);
/// A wal directory: segments and a .snap file, parted by lines "%%". Checksums are made to match in inputs of
/// even length.
void wal_directory(std::string_view bytes);
/// The data of an entry, as each type of entry.
void raft_request(std::string_view bytes);

/// etcd's KeyValue message.
void key_value(std::string_view bytes);
/// A kvhistory/1 file.
void history_file(std::string_view bytes);

/// A whole bbolt file. Both metas get a sound checksum in inputs of even length.
void bbolt_file(std::string_view bytes);

/// A list of edits applied to a small store (sqlite_edit.hpp).
void native_store(std::string_view bytes);
void kine_store(std::string_view bytes);

}  // namespace kvctl::fuzz
