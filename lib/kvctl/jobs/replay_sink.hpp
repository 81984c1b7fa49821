#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/replay_survey.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/raft/apply.hpp"
#include "kvctl/store/replay.hpp"

namespace kvctl::jobs {

/// Where replayed requests leave their mark: a store, or the forecast of one.
class ReplaySink {
  public:
    ReplaySink() = default;
    ReplaySink(const ReplaySink&) = delete;
    ReplaySink& operator=(const ReplaySink&) = delete;
    virtual ~ReplaySink() = default;

    /// Rows and leases of one request.
    virtual void write(const raft::Applied& applied) = 0;
    /// Everything written so far stands for the log up to here.
    virtual void commit(LogIndex index, Term term) = 0;
    /// The compaction that entry `index` asks for; what came before is committed.
    virtual void compact(MainRevision at, LogIndex index, Term term) = 0;
    /// A compaction that the store had scheduled and not finished.
    virtual void finish_pending(MainRevision at) = 0;
    [[nodiscard]] virtual std::string value(std::string_view key, const raft::LiveKey& row) = 0;
    /// Rows that each compaction removed, in their order.
    [[nodiscard]] virtual std::vector<std::uint64_t> removed() = 0;
    /// The file as it is now.
    [[nodiscard]] virtual store::StoreInfo info_now() = 0;
};

/// Writes into the store. A compaction is recorded as scheduled, then carried out and finished at once, each
/// in a transaction of its own, as in etcd.
class StoreSink final : public ReplaySink {
  public:
    StoreSink(store::WritableStore& writable, const mvcc::CompactionRules& rules, Progress* progress)
        : writable_(writable),
          rows_(store::replay_rows(writable.store())),
          writer_(store::replay_writer(writable)),
          rules_(rules),
          progress_(progress) {}

    void write(const raft::Applied& applied) override;
    void commit(LogIndex index, Term term) override { writer_->commit(index, term); }
    void compact(MainRevision at, LogIndex index, Term term) override;
    void finish_pending(MainRevision at) override;
    [[nodiscard]] std::string value(std::string_view key, const raft::LiveKey& row) override;
    [[nodiscard]] std::vector<std::uint64_t> removed() override { return removed_; }
    [[nodiscard]] store::StoreInfo info_now() override { return writer_->info_now(); }

  private:
    template <class Schedule>
    void run(MainRevision at, Schedule schedule);

    store::WritableStore& writable_;
    std::unique_ptr<store::ReplayRows> rows_;
    std::unique_ptr<store::ReplayWriter> writer_;
    mvcc::CompactionRules rules_;
    Progress* progress_;
    std::vector<std::uint64_t> removed_;
};

/// Only counts. Of new rows it keeps the numbers where a compaction is to be forecast, and of new values
/// those that a later request reads.
class ForecastSink final : public ReplaySink {
  public:
    ForecastSink(store::Store& store, const mvcc::CompactionRules& rules, const ReplaySurvey& survey,
                 bool compacts)
        : store_(store),
          stored_rows_(store::replay_rows(store)),
          rules_(rules),
          reads_(survey.value_reads),
          compacts_(compacts),
          stored_(store.head()) {}

    void write(const raft::Applied& applied) override;
    void commit(LogIndex, Term) override {}
    void compact(MainRevision at, LogIndex, Term) override { compactions_.push_back(at); }
    void finish_pending(MainRevision at) override { compactions_.push_back(at); }
    [[nodiscard]] std::string value(std::string_view key, const raft::LiveKey& row) override;
    [[nodiscard]] std::vector<std::uint64_t> removed() override;
    [[nodiscard]] store::StoreInfo info_now() override { return store_.info(); }

  private:
    struct Row {
        mvcc::Revision revision;
        bool tombstone;
        std::string key;
        std::int64_t create_revision;
        std::int64_t version;
        std::uint64_t value_bytes;
    };
    [[nodiscard]] bool is_read(std::string_view key) const;

    store::Store& store_;
    std::unique_ptr<store::ReplayRows> stored_rows_;
    mvcc::CompactionRules rules_;
    std::vector<std::pair<std::string, std::string>> reads_;
    bool compacts_;
    store::StoreHead stored_;
    std::map<std::string, std::string, std::less<>> values_;
    std::vector<Row> rows_;
    std::vector<MainRevision> compactions_;
};

}  // namespace kvctl::jobs
