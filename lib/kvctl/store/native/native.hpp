#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

inline constexpr std::int64_t k_native_application_id = 0x6b766374;  // "kvct"
inline constexpr std::int64_t k_native_version = 1;

struct NativeTables {
    TableInfo revision;
    TableInfo meta;
};

/// Counters that hold what `import` found in an etcd db: mvcc::EtcdRelease::number() of its storageVersion
/// and of its cluster version.
inline constexpr const char* k_storage_version = "etcd_storage_version";
inline constexpr const char* k_cluster_version = "etcd_cluster_version";

/// etcd's buckets as SQLite tables (kvctl-store(5)).
class NativeStore final : public SqliteStore {
  public:
    /// Of what find_tables() found there. Throws not_a_store when that is nothing or something is odd about
    /// it, refused for a newer layout version.
    NativeStore(StoreInfo info, Connection connection, std::optional<NativeTables> tables, int timeout_ms);

    [[nodiscard]] const Traits& traits() const noexcept override;
    [[nodiscard]] StoreHead head() override;
    /// As `import` found it in an etcd db.
    [[nodiscard]] std::optional<mvcc::EtcdRelease> release() override;
    /// Whether a row that a bumped restore adds stands at `at`.
    [[nodiscard]] bool is_marked_by_restore(MainRevision at);
    [[nodiscard]] LogPlace log_place() override { return {&db(), {}}; }
    /// What `import` remembered of the db it read.
    [[nodiscard]] Cluster cluster() override;
    void each_record(MainRevision from, MainRevision to,
                     const std::function<void(const mvcc::Record&)>& f) override;
    /// Throws damaged where rows stand in no order and the primary key's index names others than the table.
    void every_record(const std::function<void(const mvcc::Record&)>& f,
                      const std::function<void()>& restart) override;
    [[nodiscard]] std::optional<mvcc::Record> record(mvcc::Revision revision) override;
    [[nodiscard]] std::optional<mvcc::TreeIndex> load_key(std::string_view key,
                                                          const mvcc::CompactionRules& rules,
                                                          Findings& findings) override;
    [[nodiscard]] std::vector<Lease> leases() override;
    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> meta() override;
    [[nodiscard]] std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) override;
    void check(const CheckRequest& request, CheckResult& result, FindingLog& log) override;
    [[nodiscard]] std::unique_ptr<Conversion> conversion(TargetKind to, Progress* progress) override;

    /// The layout's tables, if they are there, the revisions' with all its columns.
    [[nodiscard]] static std::optional<NativeTables> find_tables(const sqlite::Database& db);

  protected:
    [[nodiscard]] std::span<const sqlite::ScanColumn> scan_columns() const noexcept override;
    void take_row(const sqlite::Values& row, Sink& sink) const override;
    void take_row(const sqlite::PageRow& row, Sink& sink) const override;
    [[nodiscard]] std::string_view rowid_column() const noexcept override { return {}; }
    [[nodiscard]] bool with_prev_revision() const noexcept override { return false; }
    [[nodiscard]] std::size_t identity_columns() const noexcept override { return 2; }
    void check_head(const mvcc::TreeIndex& index) override;

  private:
    /// take_row for any kind of row: sqlite::Values, PageRow or Row.
    template <class Row>
    static void place(const Row& row, Sink& sink);
    void every_record_by_index(const std::function<void(const mvcc::Record&)>& f);
    std::optional<sqlite::Statement> by_revision_;
};

}  // namespace kvctl::store
