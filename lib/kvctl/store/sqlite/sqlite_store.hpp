#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/page_row.hpp"
#include "kvctl/sqlite/scan_column.hpp"
#include "kvctl/store/sqlite/connection.hpp"
#include "kvctl/store/sqlite/index_audit.hpp"
#include "kvctl/store/sqlite/schema.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

class TempFile;

/// What the two SQLite layouts share: the connection, and loading rows on two threads where that is safe and
/// pays.
class SqliteStore : public Store {
  public:
    SqliteStore(StoreInfo info, Connection connection, int timeout_ms);

    [[nodiscard]] const StoreInfo& info() const override { return info_; }
    /// The rows stand in a table of kine's, whatever brought it here: one row a revision, its id.
    [[nodiscard]] bool in_kine_table() const noexcept { return info_.layout != Layout::native; }
    [[nodiscard]] mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
                                       Progress* progress) override;
    void write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                         const Execution& execution, const std::string& output) override;
    [[nodiscard]] std::optional<PageMap> page_map(const mvcc::TreeIndex& index, const mvcc::SlotSet& live,
                                                  Progress* progress) override;
    /// What another name of the file means for this one.
    [[nodiscard]] Findings notices() override;
    void check_name(bool writes) const override;
    /// Refused when the name it was opened by is in doubt (NameDoubt), or the revision table has a trigger, a
    /// generated column, or a column that is not the layout's and has no default: what a write would do then
    /// is not known.
    void check_executable(Findings& findings) override;

    /// The rows with main <= upto, on this connection alone: what it has changed but not committed included.
    [[nodiscard]] mvcc::TreeIndex load_upto(const mvcc::CompactionRules& rules, MainRevision upto,
                                            Findings& findings);
    /// Whether the last load() found the rows standing in revision order.
    [[nodiscard]] bool in_order() const noexcept { return in_order_; }

    /// Whether the last load() took them from the pages themselves.
    [[nodiscard]] bool from_pages() const noexcept { return from_pages_; }

    /// Rows the last load() met in the table, those included that have no place in the index. A damaged table
    /// can hide rows from a search by rowid: whoever copies it counts again.
    [[nodiscard]] std::uint64_t rows_read() const noexcept { return rows_read_; }

    /// Behind a load(): why its rows cannot be copied into a new table as they are; empty: they can.
    [[nodiscard]] virtual std::string why_not_copied() const { return {}; }

    [[nodiscard]] sqlite::Database& db() noexcept { return connection_.db; }
    /// Calls `work` on this connection and, where the file is large, on a second one at the same time
    /// (store::on_connections).
    void on_connections(
        const std::function<void(const sqlite::Database&, std::size_t, const std::atomic<bool>&)>& work);
    [[nodiscard]] const TableInfo& table() const noexcept { return table_; }
    /// Read without locks, because nobody had the WAL-mode file open.
    [[nodiscard]] bool lockless() const noexcept {
        return connection_.access == Connection::Access::lockless;
    }
    [[nodiscard]] bool changed() const override;
    [[nodiscard]] bool reads_snapshot() const noexcept override {
        return connection_.access == Connection::Access::live;
    }
    /// From now on load() also gathers what the indexes must hold, for check_indexes(). For whoever is going
    /// to change the store.
    void doubt_indexes();
    /// Throws damaged, with nothing changed, when an index does not hold what the table does. Reads the
    /// indexes, and the table too where no load() gathered from it. What was found sound stays so: nobody
    /// else changes the file.
    void check_indexes(IndexChoice choice);
    /// A change went through that checked some of the indexes and built the others anew.
    void trust_indexes() noexcept { indexes_sound_ = true; }
    /// After an executor replaced or changed the file: sizes and counts as they are now.
    void refresh_info();

  protected:
    /// Writes what the plan leaves into `file`, reads it back and compares it with the plan. The file is not
    /// yet synced.
    void copy_compacted(const TempFile& file, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                        const Execution& execution);
    /// What a scan of one stretch hands each row to.
    struct Sink {
        mvcc::TreeIndex& index;
        std::size_t segment;
        mvcc::RowBatch batch;
        FindingLog findings;
        void push(const mvcc::IndexRow& row) {
            if (!batch.push(row)) index.add(segment, batch);
        }
    };
    /// Columns to scan, and what to make of a row of them.
    [[nodiscard]] virtual std::span<const sqlite::ScanColumn> scan_columns() const noexcept = 0;
    virtual void take_row(const sqlite::Values& row, Sink& sink) const = 0;
    virtual void take_row(const sqlite::PageRow& row, Sink& sink) const = 0;
    /// Which column is the rowid itself; empty: none.
    [[nodiscard]] virtual std::string_view rowid_column() const noexcept = 0;
    [[nodiscard]] virtual bool with_prev_revision() const noexcept = 0;
    /// Behind a scan of sound rows: throws damaged where head(), which asks an index, says otherwise than the
    /// rows.
    virtual void check_head(const mvcc::TreeIndex& index) = 0;
    /// Called before a scan; the counters a scan gathers beside the index start anew.
    virtual void begin_scan() {}
    /// How many of the scanned columns tell a row from every other.
    [[nodiscard]] virtual std::size_t identity_columns() const noexcept = 0;
    void set_table(TableInfo table) { table_ = std::move(table); }
    /// Throws busy when a lockless file changed since it was opened.
    void check_unchanged() const;

    StoreInfo info_;
    Connection connection_;
    int timeout_ms_;
    // load() opens a file anew that changed under it: head() may have told of the one before.
    Fingerprint first_seen_;

  private:
    /// What two threads gather beside the index.
    struct Gathered;
    [[nodiscard]] bool scan_all(mvcc::TreeIndex& index, FindingLog& findings, Progress* progress);
    /// From the table's pages. False: they are not all as expected, and what was taken from them says
    /// nothing.
    [[nodiscard]] bool scan_pages(mvcc::TreeIndex& index, Gathered& gathered, Progress* progress);
    void scan_rowids(mvcc::TreeIndex& index, Gathered& gathered, Progress* progress);
    /// Where the scanned columns stand in a record; nullopt: that cannot be told.
    [[nodiscard]] std::optional<std::vector<sqlite::PageRow::Place>> places_in_record() const;
    /// How many rows it met.
    std::uint64_t scan_sorted(mvcc::TreeIndex& index, FindingLog& findings, MainRevision upto);
    /// Empty: those of this choice hold what the table does.
    [[nodiscard]] std::string index_fault(IndexChoice choice);
    TableInfo table_;
    bool in_order_ = false;
    bool from_pages_ = false;
    std::uint64_t rows_read_ = 0;
    IndexAudit audit_;  // gathers once doubt_indexes() was called
    bool indexes_sound_ = false;
};

struct OpenOptions;
struct LayoutCase;
/// The store that an open SQLite database holds. Throws not_a_store when it is none of ours, or both at once.
[[nodiscard]] std::unique_ptr<SqliteStore> make_sqlite_store(StoreInfo info, Connection connection,
                                                             const OpenOptions& options);

extern const LayoutCase k_sqlite_case;

}  // namespace kvctl::store
