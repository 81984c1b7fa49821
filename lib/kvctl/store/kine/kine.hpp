#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvctl/store/kine/rows_by_id.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

/// k3s's database: one table, one row a write, the compact revision in a row of its own.
class KineStore : public SqliteStore {
  public:
    /// Of what find_table() found there. Throws not_a_store when that is nothing or something is odd about
    /// it. A table whose id is not its primary key is read, never written.
    KineStore(StoreInfo info, Connection connection, std::optional<TableInfo> kine, int timeout_ms);

    [[nodiscard]] const Traits& traits() const noexcept override;
    [[nodiscard]] StoreHead head() override;
    [[nodiscard]] mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
                                       Progress* progress) override;
    void check_executable(Findings& findings) override;
    [[nodiscard]] LogPlace log_place() override { return {}; }
    void each_record(MainRevision from, MainRevision to,
                     const std::function<void(const mvcc::Record&)>& f) override;
    void each_old_value(
        const std::function<void(MainRevision, std::string_view, std::string_view)>& f) override;
    [[nodiscard]] std::optional<mvcc::Record> record(mvcc::Revision revision) override;
    [[nodiscard]] std::optional<mvcc::TreeIndex> load_key(std::string_view key,
                                                          const mvcc::CompactionRules& rules,
                                                          Findings& findings) override;
    [[nodiscard]] std::vector<Lease> leases() override { return {}; }
    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> meta() override { return {}; }
    /// Damaged where the current revision is the largest there can be.
    void check_compactable(const StoreHead& head) const override;
    [[nodiscard]] std::vector<Hint> advice(const StoreHead& head, const mvcc::TreeIndex& index) override;
    [[nodiscard]] std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) override;
    void check(const CheckRequest& request, CheckResult& result, FindingLog& log) override;
    [[nodiscard]] std::unique_ptr<Conversion> conversion(TargetKind to, Progress* progress) override;

    /// Ids of the rows that hold the compact revision, ascending; one in a sound store.
    [[nodiscard]] std::vector<std::int64_t> compact_rows();
    /// The table key_value that kine read before it had its own: "3 rows, 8.0 KiB of the file"; nullopt:
    /// there is no such table.
    [[nodiscard]] std::optional<std::string> legacy_table();
    [[nodiscard]] std::string why_not_copied() const override;
    /// What to do about Litestream where it replicates the store, as its tables or its hidden folder tell;
    /// else nullopt.
    [[nodiscard]] std::optional<std::string> litestream_advice();
    /// Whether id is the table's primary key and so its rowid.
    [[nodiscard]] bool keyed() const noexcept { return keyed_; }
    /// What is wrong where it is not, and the ways out: a sentence.
    [[nodiscard]] std::string why_keyless() const;
    /// Throws refused where it is not.
    void refuse_keyless() const;
    /// It says that it is in WAL mode, has no -wal beside it, and holds no row: as a copy of the main file of
    /// a running kine looks.
    [[nodiscard]] bool lost_its_wal();
    [[nodiscard]] std::int64_t kept_by_server() override;
    /// The table kine, if it is there with all its columns.
    [[nodiscard]] static std::optional<TableInfo> find_table(const sqlite::Database& db);

  protected:
    [[nodiscard]] std::span<const sqlite::ScanColumn> scan_columns() const noexcept override;
    void take_row(const sqlite::Values& row, Sink& sink) const override;
    void take_row(const sqlite::PageRow& row, Sink& sink) const override;
    [[nodiscard]] std::string_view rowid_column() const noexcept override { return "id"; }
    [[nodiscard]] bool with_prev_revision() const noexcept override { return true; }
    [[nodiscard]] std::size_t identity_columns() const noexcept override { return 1; }
    void check_head(const mvcc::TreeIndex& index) override;
    void begin_scan() override {
        compact_rows_seen_ = 0;
        misfit_names_ = 0;
    }

  private:
    /// take_row for any kind of row: sqlite::Values, PageRow or Row.
    template <class Row>
    void place(const Row& row, Sink& sink) const;
    template <class Row>
    void count_and_place(const Row& row, Sink& sink) const;
    [[nodiscard]] static bool is_keyed(const sqlite::Database& db, const TableInfo& kine);
    /// Only of a table that is not keyed(); of what the last load() saw.
    [[nodiscard]] const RowsById& rows_by_id();
    /// Throws damaged where several rows have this id.
    [[nodiscard]] std::optional<std::int64_t> rowid_of(std::int64_t id);
    [[nodiscard]] std::int64_t legacy_rows();
    [[nodiscard]] bool place_all(std::string_view key, const std::string& where, Sink& sink);
    mutable std::atomic<std::uint64_t> compact_rows_seen_{0};  // by the last scan, which two threads share
    mutable std::atomic<std::uint64_t> misfit_names_{0};       // of another type than a copy would give them
    Affinity name_affinity_ = Affinity::text;
    bool keyed_ = true;
    std::optional<RowsById> by_id_;
    std::optional<sqlite::Statement> by_revision_;
};

}  // namespace kvctl::store
