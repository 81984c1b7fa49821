#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "kvctl/base/finding.hpp"
#include "kvctl/bbolt/file.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// Whether a file that begins with these bytes (128 KiB of them, or all there is) is a bbolt file.
[[nodiscard]] bool looks_like_bbolt(std::string_view first_bytes);

/// A row of bucket "lease"; nullopt when it is none.
[[nodiscard]] std::optional<Lease> decode_lease(std::string_view key, std::string_view value);

/// An etcd `db`: bbolt with etcd's buckets. Read-only by type.
///
/// A row that cannot be read (its key is no revision, its value no KeyValue) is a finding of load() and takes
/// no part in the index; each_record() stops at it with a `damaged` Error.
class BboltStore : public Store {
  public:
    /// `path` may be an etcd data dir, a db or a snapshot file. Throws as bbolt::File does, and `not_a_store`
    /// when there is no bucket "key".
    explicit BboltStore(const std::string& path, bbolt::File::Lock lock = bbolt::File::Lock::shared);
    /// The same, once it is known which `file` that is.
    BboltStore(const std::string& path, const std::string& file,
               bbolt::File::Lock lock = bbolt::File::Lock::shared);

    /// free_pages is what the file's freelist says; etcd stores none, and then it is known only after load().
    [[nodiscard]] const StoreInfo& info() const override { return info_; }
    [[nodiscard]] const Traits& traits() const noexcept override;
    [[nodiscard]] StoreHead head() override;
    /// member/wal of the data dir that `path` was.
    [[nodiscard]] LogPlace log_place() override;
    [[nodiscard]] mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
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
    [[nodiscard]] std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) override;
    [[nodiscard]] Findings structure_faults(Progress* progress) override;
    void check_member_change(const MemberChange& change) override;
    [[nodiscard]] bool space_alarm() override;
    void check_executable(Findings& /*findings*/) override {}
    void check(const CheckRequest& request, CheckResult& result, FindingLog& log) override;
    [[nodiscard]] std::unique_ptr<Conversion> conversion(TargetKind to, Progress* progress) override;

    /// A value of the bucket "meta" as it is stored.
    [[nodiscard]] std::optional<std::string_view> meta_bytes(std::string_view name) const;
    [[nodiscard]] const bbolt::File& file() const noexcept { return file_; }
    /// Elements of bucket "key" that load() met, those no index takes included.
    [[nodiscard]] std::uint64_t rows_read() const noexcept { return rows_read_; }

  private:
    [[nodiscard]] std::optional<mvcc::Record> decode(std::string_view row_key, std::string_view value,
                                                     std::string_view& fault) const;
    [[nodiscard]] Error damaged(std::string_view row_key, std::string_view fault) const;
    [[nodiscard]] bool fill(mvcc::TreeIndex& index, FindingLog& log, Progress* progress);
    void count_free_pages(std::uint64_t pages_of_rows, FindingLog& log);
    void fill_sorted(mvcc::TreeIndex& index);
    void check_meta(Findings& findings) const;
    void check_received(Findings& findings) const;

    StoreInfo info_;
    bbolt::File file_;
    bbolt::Bucket rows_;
    std::uint64_t rows_read_ = 0;
};

}  // namespace kvctl::store
