#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/bbolt/file.hpp"
#include "kvctl/store/one_moment.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

struct LayoutCase;
extern const LayoutCase k_bbolt_case;

/// A row of bucket "lease"; nullopt when it is none.
[[nodiscard]] std::optional<Lease> decode_lease(std::string_view key, std::string_view value);

/// An etcd `db`: bbolt with etcd's buckets. Read-only by type.
///
/// A page that cannot be read stops every reader with a `damaged` Error: rows would be missing. A row that
/// cannot be read (its key is no revision, its value no KeyValue) is a finding `malformed-row` of load() and
/// takes no part in the index; each_record() stops at it.
class BboltStore : public Store {
  public:
    /// `path` may be an etcd data dir, a db or a snapshot file. Throws as bbolt::File does, and `not_a_store`
    /// when there is no bucket "key".
    explicit BboltStore(const std::string& path, bbolt::File::Lock lock = bbolt::File::Lock::shared);
    /// The same, once it is known which `file` that is.
    BboltStore(const std::string& path, const std::string& file,
               bbolt::File::Lock lock = bbolt::File::Lock::shared);

    /// free_pages is what no bucket reaches, once load() has walked them; before that what the freelist says.
    [[nodiscard]] const StoreInfo& info() const override { return info_; }
    [[nodiscard]] const Traits& traits() const noexcept override;
    /// The current revision is that of the last row that can be read, where the last one cannot.
    [[nodiscard]] StoreHead head() override;
    [[nodiscard]] Findings notices() override;
    /// By storageVersion, else the cluster version.
    [[nodiscard]] std::optional<mvcc::EtcdRelease> release() override;
    void take_cluster_version(const std::string& version) override { log_version_ = version; }
    [[nodiscard]] std::optional<EtcdFacts> etcd_facts() override;
    /// member/wal of the data dir that `path` was.
    [[nodiscard]] LogPlace log_place() override;
    /// The way out of each alarm.
    [[nodiscard]] std::vector<Hint> advice(const StoreHead& head, const mvcc::TreeIndex& index) override;
    [[nodiscard]] mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
                                       Progress* progress) override;
    [[nodiscard]] std::optional<PageMap> page_map(const mvcc::TreeIndex& index, const mvcc::SlotSet& live,
                                                  Progress* progress) override;
    void each_record(MainRevision from, MainRevision to,
                     const std::function<void(const mvcc::Record&)>& f) override;
    [[nodiscard]] std::optional<mvcc::Record> record(mvcc::Revision revision) override;
    /// Always nullopt: etcd keeps no index by key on disk.
    [[nodiscard]] std::optional<mvcc::TreeIndex> load_key(std::string_view key,
                                                          const mvcc::CompactionRules& rules,
                                                          Findings& findings) override;
    [[nodiscard]] std::vector<Lease> leases() override;
    /// The bucket "meta" by its own names; values that are no number (confState, storageVersion) are left
    /// out.
    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> meta() override;
    /// Of the buckets `members` and `members_removed`; names that are no ids are passed over.
    [[nodiscard]] Cluster cluster() override;
    [[nodiscard]] std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) override;
    /// Of a db without the bucket that every etcd db has.
    [[nodiscard]] std::optional<Finding> missing_meta() const;
    [[nodiscard]] Findings structure_faults(Progress* progress) override;
    void check_member_change(const MemberChange& change) override;
    [[nodiscard]] bool space_alarm() override;
    void write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                         const Execution& execution, const std::string& output) override;
    /// Throws refused for a file with several names: it is only ever replaced by another.
    void check_executable(Findings& findings) override;
    void check(const CheckRequest& request, CheckResult& result, FindingLog& log) override;
    [[nodiscard]] std::unique_ptr<Conversion> conversion(TargetKind to, Progress* progress) override;

    [[nodiscard]] bool changed() const override;
    /// As load(), but goes on behind pages that cannot be read; each is a finding.
    [[nodiscard]] mvcc::TreeIndex load_past_damage(const mvcc::CompactionRules& rules, Findings& findings,
                                                   Progress* progress);
    /// The alarms that are on, each with its member's name. Throws `damaged`.
    [[nodiscard]] std::vector<EtcdFacts::Alarm> alarms() const;
    /// For a data dir's db that is behind the newest raft snapshot beside it while the db that belongs to
    /// that is missing.
    [[nodiscard]] std::optional<Finding> missing_snapshot_db() const;
    /// The file could be a snapshot (it is no data dir's own db, and as long as one), but has no digest.
    [[nodiscard]] bool may_lack_digest() const;

    /// A value of the bucket "meta" as it is stored.
    [[nodiscard]] std::optional<std::string_view> meta_bytes(std::string_view name) const;
    [[nodiscard]] const bbolt::File& file() const noexcept { return file_; }
    /// The buckets as load() met them, elements of "key" that no index takes included.
    [[nodiscard]] const std::vector<EtcdFacts::Bucket>& buckets() const noexcept { return buckets_; }
    /// Each element of "key" that load() met is a row of its `index`, and no two have one revision.
    [[nodiscard]] bool is_whole(const mvcc::TreeIndex& index) const noexcept;

  private:
    [[nodiscard]] std::optional<mvcc::Record> decode(std::string_view row_key, std::string_view value,
                                                     std::string_view& fault) const;
    [[nodiscard]] Error damaged(std::string_view row_key, std::string_view fault) const;
    enum class Damage { stops, is_told };
    [[nodiscard]] mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
                                       Progress* progress, Damage damage);
    struct RowWalk;
    void take_rows(RowWalk& walk, bool more, std::string_view end, mvcc::TreeIndex& index,
                   std::size_t segment, const std::function<void()>& now_and_then) const;
    [[nodiscard]] std::optional<EtcdFacts::Bucket> fill_halves(mvcc::TreeIndex& index,
                                                               Progress* progress) const;
    [[nodiscard]] bool fill(mvcc::TreeIndex& index, FindingLog& log, Progress* progress, Damage damage);
    void measure_buckets(const EtcdFacts::Bucket& rows, FindingLog& log);
    [[nodiscard]] MainRevision last_readable() const;
    /// The value of `key` in a bucket of the root.
    [[nodiscard]] std::optional<std::string_view> value_of(std::string_view bucket,
                                                           std::string_view key) const;
    [[nodiscard]] std::vector<EtcdFacts::Member> members() const;
    /// Its own, else that of the log.
    [[nodiscard]] std::optional<std::string> cluster_version() const;
    void fill_sorted(mvcc::TreeIndex& index);
    void check_meta(Findings& findings) const;
    void check_received(Findings& findings) const;

    StoreInfo info_;
    Fingerprint seen_;  // before file_ is opened
    bbolt::File file_;
    bbolt::Bucket rows_;
    std::vector<EtcdFacts::Bucket> buckets_;  // as load() measured them
    std::optional<std::string> log_version_;
};

}  // namespace kvctl::store
