#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/size_or_percent.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/target.hpp"

namespace kvctl::jobs {

/// How a compaction works beside a running server.
struct LiveRequest {
    std::optional<std::chrono::milliseconds> pause;     ///< between transactions; nullopt: by measure
    std::optional<std::chrono::milliseconds> max_time;  ///< then it stops, and a later run goes on
    std::optional<int> timeout_ms;                      ///< for a lock; nullopt: kine's own 30 s
};

/// A compaction as it is asked for. One of the four targets, else a usage Error names them.
struct CompactRequest {
    std::string path;
    store::OpenOptions open{};
    std::optional<mvcc::CompactionRules> rules{};  ///< nullopt: the store's own

    std::optional<MainRevision> rev{};
    std::optional<std::uint64_t> keep_last{};  ///< the current revision minus so many
    std::optional<std::int64_t>
        keep_within{};  ///< so much time before the newest in the store, in microseconds
    std::optional<std::uint64_t> target_size{};  ///< the lowest revision whose file, once shrunk, fits

    bool vacuum = false;                        ///< give free space back as well
    std::optional<store::Strategy> strategy{};  ///< nullopt: by measure
    std::optional<std::int64_t> batch{};        ///< revisions a transaction; nullopt: all in one
    std::optional<SizeOrPercent> min_gain{};    ///< do nothing for less
    std::optional<std::string> output{};        ///< a new file; the store is left alone
    std::optional<std::string> backup{};        ///< a new file: the store as it was
    std::optional<LiveRequest> live{};          ///< kine: beside a running server; `batch` is then its size
    bool drop_old_values = false;
    std::optional<std::uint64_t> voter{};   ///< dqlite: the only member of the new directory
    bool disarm = false;                    ///< an etcd db's NOSPACE alarm goes, too
    bool all_members = false;               ///< the operator's word that all are stopped and get the same
    std::optional<store::TargetKind> to{};  ///< of the output: another layout than the store's
    bool renumber = false;                  ///< to kine: several keys of one revision get one each

    std::optional<std::string> raft_log{};      ///< report on this log instead of the store's own
    std::optional<std::string> wal_dir{};       ///< where the log of an etcd db lies elsewhere
    std::optional<std::uint64_t> raft_index{};  ///< compact the store's log up to it
    bool raft_index_auto = false;               ///< up to the applied index minus raft_keep
    std::uint64_t raft_keep = 5000;

    /// A file that `write_list` makes of the rows that go, before anything is changed; it is taken away again
    /// when the run then fails.
    std::optional<std::string> list_file{};
    std::function<void(const mvcc::TreeIndex&, const mvcc::CompactionPlan&)> write_list{};

    [[nodiscard]] bool compacts_raft() const noexcept { return raft_index_auto || raft_index.has_value(); }
};

struct CompactResult {
    std::unique_ptr<const mvcc::TreeIndex> index;
    std::unique_ptr<const mvcc::CompactionPlan> plan;
    report::CompactionReport report;  ///< points at the two
    bool removes = false;             ///< revisions or log entries went, or would go
};

/// What compact() would do, with the same numbers, from the store opened for reading: a holder, a full disk
/// or a rule that would stop it is `report.refusal`. Of files only `list_file` is written.
[[nodiscard]] CompactResult forecast_compaction(const CompactRequest& request, Progress* progress);

/// Compacts the store, or into `output`. Where a look tells that nothing is to be done the store is never
/// opened for writing. Throws as kvctl-compact(1) says; until the store may have changed, nothing that the
/// run made is left.
[[nodiscard]] CompactResult compact(const CompactRequest& request, Progress* progress);

}  // namespace kvctl::jobs
