#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvctl::sqlite {

/// SQLite's lock bytes: pending, reserved, and 510 shared ones. Who holds them all keeps everybody out.
inline constexpr off_t k_lock_bytes = 0x40000000;
inline constexpr off_t k_lock_length = 512;

/// The page that these lie in, counted from 1: it holds no content, in a file of any length.
constexpr std::uint64_t lock_page(std::uint64_t page_size) noexcept {
    return static_cast<std::uint64_t>(k_lock_bytes) / page_size + 1;
}

/// Who has a database file in hands, as far as the system tells.
struct Holders {
    std::vector<pid_t> locking;  ///< processes with a lock on it; in WAL mode every open connection holds one
    std::vector<pid_t> open;  ///< processes with it open, lock or not (those whose /proc entry may be read)
    bool locked = false;      ///< some process holds a lock, even where its pid is not known here
    bool idle = false;        ///< WAL mode: they have it open, and nobody is reading or writing just now

    /// Those with a lock, where any is known; else those that have it open.
    [[nodiscard]] const std::vector<pid_t>& pids() const noexcept { return locking.empty() ? open : locking; }
    [[nodiscard]] bool any() const noexcept { return locked || !open.empty(); }
};

/// Asks before SQLite opens the file: closing any descriptor of it would drop this process's own locks. Never
/// changes anything. Own processes do not count. With `look_at_open` it also walks /proc for idle holders.
[[nodiscard]] Holders find_holders(const std::string& path, bool look_at_open);

/// How to stop a process, a line for a shell: the systemd unit of a k3s, k0s or kine, else a comment that
/// names the process.
[[nodiscard]] std::string how_to_stop(pid_t pid);
/// The same of what /proc says: the command's name, and the text of its file `cgroup`.
[[nodiscard]] std::string how_to_stop(pid_t pid, std::string_view command, std::string_view cgroup);

/// "pid 4711 (k3s)" or "pids 1 (a), 2 (b)"; "a process that cannot be seen from here" when there are none.
[[nodiscard]] std::string describe(const std::vector<pid_t>& pids);

}  // namespace kvctl::sqlite
