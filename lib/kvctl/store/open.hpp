#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

struct OpenOptions {
    std::optional<Layout> layout;  ///< nullopt: recognised by content
    /// Of an archive with several stores, or a dqlite directory with several databases: the one to open.
    std::optional<std::string> member{};
    int timeout_ms = 10000;  ///< how long to wait for a lock
    /// A writer waits that long also for processes that have a WAL-mode store open and do nothing, as a
    /// server does that never lets go; else it gives up at once.
    bool waits_for_idle = false;
    /// An etcd db is read without its lock, so that a server starts meanwhile: whoever asks looks at
    /// Store::changed().
    bool without_lock = false;
    /// An etcd db is held against writers as long as the Store lives: in_use where a server has it.
    bool against_writers = false;
    std::optional<LogIndex> raft_index{};  ///< dqlite: the state at that entry of the log, not the newest
    Progress* waiting = nullptr;           ///< a writer that waits says for whom
};

/// Opens a store for reading. Symbolic links are followed; a folder stands for the one store in it
/// (locate_store), an archive for the one it holds, which is unpacked as long as the Store lives. Throws io,
/// not_a_store, damaged, busy or refused, naming the path as given.
[[nodiscard]] std::unique_ptr<Store> open_store(const std::string& path, const OpenOptions& options);

/// Throws usage for an archive, and what a layout says that is only read (read_only_layout for a dqlite
/// directory); usage for a member of anything else. Reads no row.
void refuse_read_only(const std::string& path, const OpenOptions& options);

/// Whether a transaction was cut short and waits in a -journal to be rolled back, which only a writer does: a
/// reader is refused. Throws io when there is no such file.
[[nodiscard]] bool needs_rollback(const std::string& path);

/// The file that a path stands for (locate_store), symbolic links resolved; throws io when there is none.
[[nodiscard]] std::string resolve_path(const std::string& path);

/// Of the SQLite that this program runs with.
[[nodiscard]] std::string sqlite_version();

}  // namespace kvctl::store
