#include "tests/fuzz/targets.hpp"

#include <algorithm>
#include <array>

#include "kvctl/mvcc/rows.hpp"

namespace kvctl::fuzz {
namespace {

// One input in so many of those that are not taken deep is checked.
constexpr unsigned k_check_share = 16;

constexpr std::array k_targets{
    Target{"jsonl_log", jsonl_log, 512, 8},          Target{"dump_text_log", dump_text_log, 1024, 8},
    Target{"dump_raw_log", dump_raw_log, 768, 8},    Target{"wal_directory", wal_directory, 1024, 8},
    Target{"raft_request", raft_request, 512, 1},    Target{"key_value", key_value, 1024, 1},
    Target{"history_file", history_file, 768, 8},    Target{"bbolt_file", bbolt_file, 8192, 64},
    Target{"kube_value", kube_value, 1024, 1},       Target{"kube_timeline", kube_timeline, 512, 1},
    Target{"native_store", native_store, 160, 16},   Target{"kine_store", kine_store, 160, 16},
    Target{"bbolt_rewrite", bbolt_rewrite, 8192, 1}, Target{"dqlite_directory", dqlite_directory, 24576, 16},
};

}  // namespace

std::span<const Target> targets() noexcept {
    return k_targets;
}

const Target* find_target(std::string_view name) noexcept {
    const auto* const found =
        std::find_if(k_targets.begin(), k_targets.end(), [&](const Target& t) { return t.name == name; });
    return found == k_targets.end() ? nullptr : found;
}

Depth depth_of(const Target& target, std::string_view bytes) noexcept {
    const auto hash = mvcc::hash_key(bytes);
    if (hash % target.share == 0) return Depth::deep;
    return hash / target.share % k_check_share == 0 ? Depth::checked : Depth::shallow;
}

}  // namespace kvctl::fuzz
