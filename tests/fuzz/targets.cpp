#include "tests/fuzz/targets.hpp"

#include <algorithm>
#include <array>

namespace kvctl::fuzz {
namespace {

constexpr std::array k_targets{
    Target{"jsonl_log", jsonl_log, 4096},       Target{"dump_text_log", dump_text_log, 4096},
    Target{"dump_raw_log", dump_raw_log, 4096}, Target{"wal_directory", wal_directory, 4096},
    Target{"raft_request", raft_request, 2048}, Target{"key_value", key_value, 1024},
    Target{"history_file", history_file, 4096}, Target{"bbolt_file", bbolt_file, 20480},
    Target{"native_store", native_store, 512},  Target{"kine_store", kine_store, 512},
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

}  // namespace kvctl::fuzz
