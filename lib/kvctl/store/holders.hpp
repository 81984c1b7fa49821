#pragma once
#include <string>
#include <vector>

#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// A process that has a store's file open or locked.
struct Holder {
    int pid = 0;
    std::string command;  ///< as the system shows it; may be empty
};

/// Those that the system shows, in no order. Only before the store is opened: looking closes a descriptor of
/// the file, and with it this process's own locks on it would go. Empty where there is no such file.
[[nodiscard]] std::vector<Holder> holders_of(const std::string& path);

/// Those that have a dqlite directory's lock open, or write to a segment; none for another folder.
[[nodiscard]] std::vector<int> nodes_on(const std::string& directory);

/// Those that write to a segment alone: an older dqlite takes no lock.
[[nodiscard]] std::vector<int> segment_writers(const std::string& directory);

/// What a run finds around a store's file, or a dqlite directory, before it is opened.
struct Surroundings {
    bool several_names = false;
    bool held_open = false;      ///< some process has it open, as far as the system shows
    bool held = false;           ///< or locked
    std::vector<int> pids;       ///< those with a lock, where any is known; else those that have it open
    std::string open_as;         ///< open_by_another_name() of one of them, or empty
    bool nodes = false;          ///< they are nodes on a dqlite directory
    std::vector<int> excluding;  ///< of them those that keep readers out too
};

/// Only before the store is opened, as holders_of().
[[nodiscard]] Surroundings look_around(const std::string& path);

/// Why a store is not replaced by a new file but worked on in place; empty: it may be. A rollback-journal
/// store is written beside an idle holder, a WAL-mode store only once it is alone.
[[nodiscard]] std::string why_in_place(bool several_names, bool held_open);
[[nodiscard]] std::string why_in_place(const Surroundings& around, const StoreInfo& info);

/// What a writer says that finds a WAL-mode store open elsewhere, or, `locked_for_life`, an etcd db.
[[nodiscard]] std::string in_use_by(const std::string& path, const std::vector<int>& pids,
                                    bool locked_for_life = false);
/// The same of a dqlite directory.
[[nodiscard]] std::string node_runs_on(const std::string& directory, const std::vector<int>& pids);
/// How to stop a process, a line for a shell.
[[nodiscard]] std::string how_to_stop(int pid);

}  // namespace kvctl::store
