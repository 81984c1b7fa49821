#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/store/open.hpp"
#include "kvctl/store/replace.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"
#include "kvctl/store/temp_file.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {

/// A store in an SQLite file, held by an exclusive lock.
class SqliteWritable final : public WritableStore {
  public:
    /// Waits up to the timeout, for idle holders of a WAL-mode store only where the options say so. Throws
    /// in_use when a WAL-mode store is open elsewhere, busy when somebody holds a rollback-journal lock, both
    /// with the pids the system shows; refused where a -wal or -journal of the file may lie beside another
    /// name (NameDoubt). Removes temporary files of runs that were killed, and rolls back a
    /// transaction that was cut short, as SQLite does. An empty file is never made.
    [[nodiscard]] static SqliteWritable open(const std::string& path, const OpenOptions& options);

    [[nodiscard]] SqliteStore& store() noexcept override { return *store_; }
    /// Processes that have a rollback-mode store open without a lock: renaming a new file over it would leave
    /// them with the old one.
    [[nodiscard]] const std::vector<pid_t>& idle_holders() const noexcept { return idle_holders_; }
    [[nodiscard]] bool several_names() const noexcept { return several_names_; }

    /// The file, open beside SQLite until close().
    [[nodiscard]] const SourceFile& file();

    /// Moves a -wal into the main file, so that the file alone is the store.
    void checkpoint();
    void make_room() override { checkpoint(); }
    /// Before the first write into the file: throws damaged where check_pages() does. The -wal is moved into
    /// the file for it. Once is enough, since nobody else writes.
    void check_pages();
    [[nodiscard]] std::string why_in_place() const override;
    void backup(const std::string& to) override;
    void execute(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan, Strategy strategy,
                 std::optional<std::int64_t> batch, const Execution& execution) override;
    /// VACUUM INTO a new file and rename, or VACUUM itself where the file is not to be replaced.
    void shrink(Progress* progress) override;
    /// A new file that is going to take this one's place. The -wal is moved into the file, so that the file
    /// alone is the store; from now on it is only read.
    [[nodiscard]] Replacement begin_replacement();
    /// Puts it there, and closes the store before the new file may be used. Throws as Replacement::commit().
    void replace_by(Replacement& replacement);
    /// Said by whoever changes the store, before the first commit may reach the disk.
    void note_change() noexcept { changed_ = true; }
    [[nodiscard]] bool may_have_changed() const noexcept override { return changed_; }
    void close() override;

  private:
    SqliteWritable() = default;
    // Closing any descriptor of the store drops SQLite's locks on it: this one stays open as long as store_
    // does, which is destroyed first.
    std::optional<SourceFile> file_;
    std::unique_ptr<SqliteStore> store_;
    std::vector<pid_t> idle_holders_;
    bool several_names_ = false;
    bool changed_ = false;
    bool pages_sound_ = false;
};

}  // namespace kvctl::store
