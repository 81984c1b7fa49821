#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kvctl/store/live.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/salvage.hpp"
#include "kvctl/store/writable.hpp"

// Not installed.
namespace kvctl::store {

/// What is asked of a layout before there is a Store of it: how it is recognised and opened. Each defines one
/// in its folder, and the list in layout_case.cpp is the one place that names them all. Paths are given
/// twice: as the user gave it, for messages, and resolved, to be opened.
struct LayoutCase {
    std::span<const Layout> layouts;  ///< that are told apart once it is open
    std::string_view what;            ///< "an etcd db (bbolt)"

    /// Whether a file that begins with these bytes (k_store_start of them, or all there are) holds one.
    /// nullptr: it is no single file, and never one in an archive.
    bool (*starts)(std::string_view first_bytes) = nullptr;
    /// Whether this folder is one, or this file a part of one. nullptr: it is a single file.
    bool (*is_part)(const std::string& file) = nullptr;

    /// As open_store().
    std::unique_ptr<Store> (*open)(const std::string& path, const std::string& file,
                                   const OpenOptions& options) = nullptr;
    bool has_states = false;  ///< --raft-index chooses one, and --member a database

    /// As open_writable(). nullptr: it is only read, and refuse() says what else can be done.
    std::unique_ptr<WritableStore> (*open_writable)(const std::string& path,
                                                    const OpenOptions& options) = nullptr;
    void (*refuse)(const std::string& path) = nullptr;
    /// As open_live(). nullptr: none of these can be compacted beside its server.
    std::unique_ptr<LiveStore> (*open_live)(const std::string& path, const OpenOptions& options,
                                            int timeout_ms) = nullptr;

    /// As Salvage.
    Salvage salvage{};
};

/// Of the layout asked for, else of what lies there; of SQLite where nothing is recognised, which says what
/// it met. Throws not_a_store where another layout is asked for than lies there.
[[nodiscard]] const LayoutCase& layout_case(const std::string& path, const std::string& file,
                                            const OpenOptions& options);

/// Whether a layout keeps stores as folders like this one.
[[nodiscard]] bool is_store_folder(const std::string& folder);

}  // namespace kvctl::store
