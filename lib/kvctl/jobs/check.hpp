#pragma once
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/report/check_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct CheckRequest {
    std::string path;
    store::OpenOptions open;
    std::optional<mvcc::CompactionRules> rules;  ///< nullopt: the store's own
    std::optional<std::string> version;          ///< of the etcd that is to start on it; nullopt: as it says
    std::optional<std::string> wal_dir;          ///< where the log of an etcd db lies elsewhere
    bool kubernetes = false;                     ///< look into the values as the API server does
    bool all = false;                            ///< name every finding, not only the first twenty of a code
};

/// Looks at everything in a store and in the raft log that lies with it. Damage is in the report; throws
/// where the store cannot be opened at all, io, busy and interrupted.
[[nodiscard]] report::CheckReport check(const CheckRequest& request, Progress* progress);

}  // namespace kvctl::jobs
