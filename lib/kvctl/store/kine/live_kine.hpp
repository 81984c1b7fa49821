#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/store/live.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// A kine store that is compacted beside the server which may have it open, as a second kine on a shared
/// database does (kine.md 10): in short immediate transactions, each of which reads the compact revision,
/// gives way where somebody else has moved it, raises it, and deletes what that releases. Between two of them
/// the file is held by no lock.
class LiveKine final : public LiveStore {
  public:
    /// As open_live().
    LiveKine(const std::string& path, const OpenOptions& options, int timeout_ms);

    [[nodiscard]] Store& store() noexcept override { return *store_; }
    [[nodiscard]] sqlite::Database& db() noexcept { return store_->db(); }
    [[nodiscard]] const TableInfo& table() const noexcept { return store_->table(); }
    void at_one_moment(const std::function<void()>& read) override;
    [[nodiscard]] std::unique_ptr<LiveCompaction> compaction(const mvcc::TreeIndex& index,
                                                             const mvcc::CompactionPlan& plan,
                                                             const LiveTerms& terms,
                                                             Progress* progress) override;
    /// Of rows that the index holds, ascending, those that are still in the table.
    [[nodiscard]] std::vector<mvcc::Slot> still_there(const mvcc::TreeIndex& index,
                                                      const std::vector<mvcc::Slot>& rows);
    struct Step {
        bool adopted = false;    ///< somebody else had moved the compact revision: nothing was done
        MainRevision compacted;  ///< the compact revision now
        std::uint64_t deleted = 0;
        std::chrono::microseconds held{};    ///< how long others could not write
        std::chrono::microseconds waited{};  ///< for the lock
        bool others_write = false;           ///< the store has moved on since the last step
    };
    /// One transaction: the compact revision, `expected` as the caller left it, is raised to `to` unless it
    /// is there already, and `rows` go. Throws, with nothing of the step done: refused where the file is
    /// another one now or `to` is among the newest revisions, busy.
    Step step(const mvcc::TreeIndex& index, std::span<const mvcc::Slot> rows, MainRevision expected,
              MainRevision to);

    void backup(const std::string& to, Progress* progress) override;
    [[nodiscard]] bool shrink() override;
    /// How often a lock was found taken.
    [[nodiscard]] std::uint64_t busy_retries() const noexcept { return busy_retries_; }
    void close() override;

  private:
    void configure(int timeout_ms);
    void check_store();
    void check_file() const;
    [[noreturn]] void throw_busy() const;
    [[nodiscard]] bool wait_for_lock(int tries);
    void checkpoint() noexcept;

    std::string path_;
    std::optional<SourceFile> file_;  ///< as in SqliteWritable: closed behind the store
    std::unique_ptr<SqliteStore> store_;
    std::chrono::milliseconds timeout_{};
    std::chrono::steady_clock::time_point waiting_since_;
    std::uint64_t busy_retries_ = 0;
    MainRevision newest_seen_;  ///< from the plan's current revision on
};

}  // namespace kvctl::store
