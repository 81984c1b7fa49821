#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

struct sqlite3_vfs;

namespace kvctl::crash {

/// What the program asks of the disk. SQLite's requests arrive through a VFS and its table of system calls,
/// the program's own through wrapped system calls.
enum class Call { open, read, write, sync, truncate, map, remove, rename, link, chmod, folder_sync };
inline constexpr std::size_t k_calls = 11;
[[nodiscard]] const char* name_of(Call call) noexcept;

/// What becomes of a request.
struct Verdict {
    int error = 0;      ///< errno; 0: it is carried out
    bool half = false;  ///< a read or a write: half of it is carried out, and that many bytes are reported
};

/// A file as it was opened: it keeps its inode when the name goes to another one.
struct Opened {
    std::string path;
    std::uint64_t inode = 0;
};
/// 0: there is none.
[[nodiscard]] std::uint64_t inode_of(const std::string& path) noexcept;

/// Told of every request that concerns files of the watched folder. One at a time; not thread-safe.
class Watcher {
  public:
    Watcher() = default;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    virtual ~Watcher() = default;

    virtual Verdict before(Call /*call*/, const std::string& /*path*/) { return {}; }
    /// Before the processes are looked through for those that have a file open.
    virtual void looks_around() {}
    /// Below: after it was carried out. Paths are absolute.
    virtual void created(const Opened& /*file*/) {}
    virtual void wrote(const Opened& /*file*/, std::int64_t /*offset*/, std::string_view /*data*/) {}
    virtual void truncated(const Opened& /*file*/, std::int64_t /*size*/) {}
    /// `with_name`: the folder's entry of the file is on the disk as well.
    virtual void synced(const Opened& /*file*/, bool /*with_name*/) {}
    virtual void renamed(const std::string& /*from*/, const std::string& /*to*/) {}
    virtual void linked(const std::string& /*from*/, const std::string& /*to*/) {}
    virtual void removed(const std::string& /*path*/) {}
    virtual void folder_synced() {}
};

/// Watches one folder from construction to destruction.
class Watch {
  public:
    Watch(const std::string& folder, Watcher& watcher);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
};

/// The watcher when `path` lies in the watched folder, else null.
[[nodiscard]] Watcher* watcher_of(const std::string& path) noexcept;
[[nodiscard]] Watcher* watcher_of_folder(const std::string& path) noexcept;
/// The watcher, whatever it watches.
[[nodiscard]] Watcher* any_watcher() noexcept;

/// Has this process alone found when processes are looked through; 0: the one that started this program. So
/// that a run takes the same way and the same time on every machine.
void show_process(pid_t pid) noexcept;
[[nodiscard]] pid_t shown_process() noexcept;

/// How many of n bytes to read or to write.
[[nodiscard]] constexpr std::size_t bytes_of(const Verdict& v, std::size_t n) noexcept {
    return v.half && n > 1 ? n / 2 : n;
}

/// Makes the watching VFS SQLite's default. Once, before anything opens a database.
void install_vfs();

/// Puts the watcher before the system calls of SQLite's own VFS.
void watch_sqlite_calls(sqlite3_vfs& vfs);

}  // namespace kvctl::crash
