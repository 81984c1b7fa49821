#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/harness.hpp"
#include "tests/crash/watcher.hpp"

namespace {

constexpr const char* k_usage =
    "usage: kvctl_crash points|faults|signals|visits [--full] [--seed N] [--only TEXT] [--repeats N]\n"
    "       [--kinds calls|sqlite|program] [--per-kind N]\n"
    "  points   power loss at every point of a run\n"
    "  faults   the n-th call fails, for every n\n"
    "  signals  SIGINT, SIGTERM, SIGKILL, SIGPIPE, a full standard output\n"
    "  visits   another process opens the store meanwhile, writes, and is killed\n"
    "Without --full a sample is tried.\n";

}  // namespace

int main(int argc, char** argv) {
    using namespace kvctl::crash;
    const std::vector<std::string> args(argv + 1, argv + argc);
    Settings settings;
    std::string what;
    for (std::size_t i = 0; i < args.size(); ++i) {
        if (args[i] == "--full") {
            settings.full = true;
        } else if (args[i] == "--seed" && i + 1 < args.size()) {
            settings.seed = static_cast<std::uint32_t>(std::stoul(args[++i]));
        } else if (args[i] == "--repeats" && i + 1 < args.size()) {
            settings.repeats = std::stoul(args[++i]);
        } else if (args[i] == "--per-kind" && i + 1 < args.size()) {
            settings.per_kind = std::stoull(args[++i]);
        } else if (args[i] == "--kinds" && i + 1 < args.size()) {
            settings.kinds = args[++i];
        } else if (args[i] == "--only" && i + 1 < args.size()) {
            settings.only = args[++i];
        } else if (what.empty()) {
            what = args[i];
        } else {
            what = "?";
        }
    }
    // The disk that is simulated needs no real one.
    if (std::getenv("TMPDIR") == nullptr && std::filesystem::exists("/dev/shm"))
        ::setenv("TMPDIR", "/dev/shm", 0);
    const std::set<std::string> kinds{"", "calls", "sqlite", "program"};
    if (!kinds.contains(settings.kinds)) what = "?";
    try {
        install_allocator();
        install_vfs();
        if (what == "points") return crash_points(settings);
        if (what == "faults") return fault_points(settings);
        if (what == "signals") return signal_points(settings);
        if (what == "visits") return visits(settings);
    } catch (const std::exception& e) {
        std::cout << "kvctl_crash: " << e.what() << '\n';
        return 1;
    }
    std::cerr << k_usage;
    return 2;
}
