#pragma once
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/report/import_report.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/target.hpp"

namespace kvctl::jobs {

struct ImportRequest {
    std::string source;  ///< a store of any layout, or a history file (kvctl-export(1)), told by content
    std::string output;  ///< the store to build; it must not exist
    store::TargetKind to = store::TargetKind::native;
    std::optional<std::string> wal_dir;  ///< where the log of an etcd db lies elsewhere
    bool key_index = false;              ///< with an index by key, for reading one key without a scan
    bool renumber = false;               ///< to kine: several keys of one revision get one each
    bool salvage = false;                ///< take what can be read of a damaged store
    store::OpenOptions open{};  ///< of a store; asking for a layout is a usage Error where it is a history
};

/// Whether a source is a history file. Told by content; what cannot be read twice, a pipe, can only be one.
[[nodiscard]] bool is_history(const std::string& path);

/// Builds a store of any layout from something else. The output has its name only once it is complete.
[[nodiscard]] report::ImportReport import_store(const ImportRequest& request, Progress* progress);

}  // namespace kvctl::jobs
