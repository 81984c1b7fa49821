#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/sqlite/index_check.hpp"
#include "kvctl/store/sqlite/schema.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// What an SQLite database begins with.
inline constexpr std::string_view k_sqlite_magic{"SQLite format 3\0", 16};

/// A file and its -wal as the file system sees them; two that are equal mean that nobody wrote in between.
struct Fingerprint {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t wal_size = -1;  ///< -1: there is none
    std::int64_t wal_modified_ns = 0;
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};
[[nodiscard]] Fingerprint fingerprint(const std::string& path);

/// Checks from the header alone that `path` is a whole SQLite database, and fills in a StoreInfo but for the
/// layout. Throws not_a_store, damaged or io.
[[nodiscard]] StoreInfo inspect_file(const std::string& given_path, const std::string& real_path);
/// The same by a descriptor of the file, which stays open: closing one would drop SQLite's locks on it.
[[nodiscard]] StoreInfo inspect_file(const std::string& given_path, const std::string& real_path, int fd);

/// A connection chosen so that reading changes nothing (sqlite::Database::Mode). It holds one snapshot from
/// the start.
struct Connection {
    enum class Access {
        shared,    ///< rollback journal: SQLite's own shared lock holds writers off
        detached,  ///< WAL, and nobody has it open
        live,      ///< WAL, and somebody has it open
        owned,     ///< inside a writer's own exclusive transaction
    };
    sqlite::Database db;
    Access access = Access::shared;
    Fingerprint seen;
};
/// Waits up to `timeout_ms` for a writer that holds the file; then throws busy with its pid.
[[nodiscard]] Connection open_for_reading(const StoreInfo& info, int timeout_ms);

/// What the two SQLite layouts share: the connection, and loading rows on two threads where that is safe and
/// pays.
class SqliteStore : public Store {
  public:
    SqliteStore(StoreInfo info, Connection connection, int timeout_ms);

    [[nodiscard]] const StoreInfo& info() const override { return info_; }
    [[nodiscard]] mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
                                       Progress* progress) override;
    [[nodiscard]] std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) override;
    /// Refused when the revision table has a trigger, a generated column, or a column that is not the
    /// layout's and has no default: what a write would do then is not known.
    void check_executable(Findings& findings) override;

    /// The rows with main <= upto, on this connection alone: what it has changed but not committed included.
    [[nodiscard]] mvcc::TreeIndex load_upto(const mvcc::CompactionRules& rules, MainRevision upto,
                                            Findings& findings);
    /// Whether the last load() found the rows standing in revision order.
    [[nodiscard]] bool in_order() const noexcept { return in_order_; }

    /// Rows the last load() met in the table, those included that have no place in the index. A damaged table
    /// can hide rows from a search by rowid: whoever copies it counts again.
    [[nodiscard]] std::uint64_t rows_read() const noexcept { return rows_read_; }

    [[nodiscard]] sqlite::Database& db() noexcept { return connection_.db; }
    [[nodiscard]] const TableInfo& table() const noexcept { return table_; }
    /// Read without locks, because nobody had the WAL-mode file open.
    [[nodiscard]] bool detached() const noexcept {
        return connection_.access == Connection::Access::detached;
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
    [[nodiscard]] virtual std::string scan_columns() const = 0;
    virtual void take_row(const sqlite::Values& row, Sink& sink) const = 0;
    [[nodiscard]] virtual bool with_prev_revision() const noexcept = 0;
    /// Behind a scan of sound rows: throws damaged where head(), which asks an index, says otherwise than the
    /// rows.
    virtual void check_head(const mvcc::TreeIndex& index) = 0;
    virtual void begin_scan() {}
    /// How many of the scanned columns tell a row from every other.
    [[nodiscard]] virtual std::size_t identity_columns() const noexcept = 0;
    /// Called before a scan; the counters a scan gathers beside the index start anew.
    void set_table(TableInfo table) { table_ = std::move(table); }
    /// Throws busy when a detached file changed since it was opened.
    void check_unchanged() const;

    StoreInfo info_;
    Connection connection_;
    int timeout_ms_;

  private:
    [[nodiscard]] bool scan_all(mvcc::TreeIndex& index, FindingLog& findings, Progress* progress);
    /// How many rows it met.
    std::uint64_t scan_sorted(mvcc::TreeIndex& index, FindingLog& findings, MainRevision upto);
    /// Empty: those of this choice hold what the table does.
    [[nodiscard]] std::string index_fault(IndexChoice choice);
    void on_connections(
        bool many,
        const std::function<void(const sqlite::Database&, std::size_t, const std::atomic<bool>&)>& work);
    TableInfo table_;
    bool in_order_ = false;
    std::uint64_t rows_read_ = 0;
    std::optional<IndexContents> contents_;
    bool gathered_ = false;  // contents_ covers every row
    bool indexes_sound_ = false;
};

}  // namespace kvctl::store
