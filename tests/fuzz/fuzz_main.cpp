#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string_view>

#include "tests/fuzz/sqlite_pool.hpp"
#include "tests/fuzz/targets.hpp"

namespace {

// One program for all targets: the environment says which.
const kvctl::fuzz::Target& chosen() {
    static const kvctl::fuzz::Target* const k_target = [] {
        const char* const name = std::getenv("KVCTL_FUZZ_TARGET");
        const auto* const target = kvctl::fuzz::find_target(name == nullptr ? "" : name);
        if (target == nullptr) {
            std::fputs("set KVCTL_FUZZ_TARGET to one of these (with the longest input, in bytes):\n", stderr);
            for (const auto& t : kvctl::fuzz::targets())
                std::fprintf(stderr, "  %.*s %zu\n", static_cast<int>(t.name.size()), t.name.data(),
                             t.longest);
            std::_Exit(2);  // libFuzzer would take a plain exit for a crash and leave an input behind
        }
        return target;
    }();
    return *k_target;
}

// All inputs, not a share of them, are taken deep.
bool always_deep() {
    static const bool k_always = std::getenv("KVCTL_FUZZ_DEEP") != nullptr;
    return k_always;
}

}  // namespace

// Whoever waits waits for another process, which no execution has: three quarters of the time of
// dqlite_directory.
extern "C" int nanosleep(const timespec* /*wanted*/, timespec* /*left*/) {
    return 0;
}

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    kvctl::fuzz::pool_sqlite_memory();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (size > chosen().longest) return 0;
    try {
        chosen().run(bytes,
                     always_deep() ? kvctl::fuzz::Depth::deep : kvctl::fuzz::depth_of(chosen(), bytes));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "broken promise: %s\n", e.what());
        std::abort();
    }
    return 0;
}
