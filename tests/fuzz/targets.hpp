#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace kvctl::fuzz {

/// How thoroughly an input is examined. The fuzzers take a share of all inputs further than shallow, chosen
/// by a hash of their bytes, so that an input has the same fate each time and mutations do not drift to the
/// dear ones; the tests take every input of the corpora to each depth.
enum class Depth {
    shallow,  ///< opened and read once
    checked,  ///< a store also as `check` does it
    deep      ///< and read in every other way, compared, compacted, handed to the program's commands
};

/// A way to hand bytes to kvctl. Running one returns or throws; what it throws is a defect (promise.hpp).
struct Target {
    std::string_view name;  ///< also of its folder in testdata/fuzz
    void (*run)(std::string_view bytes, Depth depth);
    std::size_t longest;  ///< input, in bytes
    unsigned share;       ///< one input in so many is taken deep by a fuzzer
};

[[nodiscard]] std::span<const Target> targets() noexcept;
/// Null when there is none of that name.
[[nodiscard]] const Target* find_target(std::string_view name) noexcept;
/// What a fuzzer does with these bytes.
[[nodiscard]] Depth depth_of(const Target& target, std::string_view bytes) noexcept;

// Raft logs: each form alone, so that the fuzzer need not find out how it begins.
void jsonl_log(std::string_view bytes, Depth depth);
void dump_text_log(std::string_view bytes, Depth depth);
void dump_raw_log(std::string_view bytes, Depth depth);
/// A wal directory: segments and a .snap file, parted by lines "%%". Checksums are made to match in inputs of
/// even length.
void wal_directory(std::string_view bytes, Depth depth);
/// The data of an entry, as each type of entry.
void raft_request(std::string_view bytes, Depth depth);

/// etcd's KeyValue message.
void key_value(std::string_view bytes, Depth depth);
/// A kvhistory/1 file.
void history_file(std::string_view bytes, Depth depth);

/// Two Kubernetes objects as stored: decoded, compared, put down to a writer.
void kube_value(std::string_view bytes, Depth depth);
/// Times of revisions.
void kube_timeline(std::string_view bytes, Depth depth);

/// A whole bbolt file. Both metas get a sound checksum in inputs of even length.
void bbolt_file(std::string_view bytes, Depth depth);
/// The same, written anew by a compaction where it reads as sound, and read back.
void bbolt_rewrite(std::string_view bytes, Depth depth);

/// A dqlite directory: its files, each with a byte that says which and two of length. Checksums are made to
/// match in inputs of even length.
void dqlite_directory(std::string_view bytes, Depth depth);

/// A list of edits applied to a small store (sqlite_edit.hpp).
void native_store(std::string_view bytes, Depth depth);
void kine_store(std::string_view bytes, Depth depth);

}  // namespace kvctl::fuzz
