#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/raft/apply.hpp"
#include "kvctl/report/replay_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct ReplayRequest {
    static constexpr std::uint64_t k_batch = 5000;

    std::string log;
    std::string path;  ///< of the store
    store::OpenOptions open{};
    std::optional<mvcc::CompactionRules> rules{};  ///< nullopt: the store's own
    std::optional<LogIndex> until{};               ///< stop behind this entry
    std::optional<std::string> wal_dir{};          ///< where the log of an etcd data dir lies elsewhere
    std::optional<raft::AlarmRule> alarm_rule{};   ///< nullopt: that of the release which wrote the log
    std::uint64_t batch = k_batch;                 ///< entries a transaction
};

/// The rule of a release of etcd, "3.5.16".
[[nodiscard]] raft::AlarmRule alarm_rule_of(std::string_view version);

/// What replay() would do, with the same numbers; the store is only read.
[[nodiscard]] report::ReplayReport forecast_replay(const ReplayRequest& request, Progress* progress);

/// Applies the committed entries that the store has not seen. A log that cannot be applied as a whole is
/// refused before anything is written.
[[nodiscard]] report::ReplayReport replay(const ReplayRequest& request, Progress* progress);

}  // namespace kvctl::jobs
