#pragma once
#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace kvctl {

// Who else has a file in hands, as far as the system tells. Nothing here opens the file: closing any
// descriptor of it would drop every POSIX lock that this process holds on it. `file` is what stat says of it.

/// Processes that have it open, of those whose /proc entry may be read. Ascending; this one does not count.
[[nodiscard]] std::vector<pid_t> find_openers(const struct stat& file);
/// Those of them that may write to it.
[[nodiscard]] std::vector<pid_t> find_open_writers(const struct stat& file);

/// A process that has a file open, and by which name, as the system shows it from here.
struct OpenName {
    pid_t pid = 0;
    std::string name;
    bool same = false;  ///< it is `path`, in the same folder, however that is mounted where the process lives
};
/// One for each process and name. `path` has no symbolic link in it.
[[nodiscard]] std::vector<OpenName> find_open_names(const struct stat& file, const std::string& path);

/// Processes that hold a lock on it, of any kind; with `waiters` also those that wait for one. Ascending;
/// this one does not count.
[[nodiscard]] std::vector<pid_t> find_lockers(const struct stat& file, bool waiters);
/// Those that hold one which nobody shares.
[[nodiscard]] std::vector<pid_t> find_exclusive_lockers(const struct stat& file);

/// "pid 4711 (k3s)" or "pids 1 (a), 2 (b)"; "a process that cannot be seen from here" when there are none.
[[nodiscard]] std::string describe_processes(const std::vector<pid_t>& pids);

}  // namespace kvctl
