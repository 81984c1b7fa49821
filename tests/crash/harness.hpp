#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace kvctl::crash {

struct Settings {
    bool full = false;
    std::uint32_t seed = 1;
    std::size_t sample = 10;     ///< crash points a run, about, when not full
    std::size_t repeats = 0;     ///< more disks a crash point than four, when full
    std::uint64_t per_kind = 0;  ///< when full: faults a run and kind, or steps of a visited run, spread over
                                 ///< its calls; 0: every one
    std::string kinds;           ///< faults: "calls", "sqlite" or "program" (whose memory); empty: all
    std::string only;            ///< only runs whose name has this in it
};

// Each prints a line for what is wrong and a summary line last; 0 when nothing is.
int crash_points(const Settings& settings);
int fault_points(const Settings& settings);
int signal_points(const Settings& settings);
int visits(const Settings& settings);

/// Prepares SQLite's memory and VFS. Once, before anything opens a database.
void install_allocator();

}  // namespace kvctl::crash
