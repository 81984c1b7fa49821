#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/fd.hpp"
#include "kvctl/dqlite/state.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::store {

/// A database of kine's inside a dqlite data directory (MicroK8s): the log applied to the newest snapshot,
/// laid out in a temporary file that everything kine's is then read from. Sizes of info() are the database's,
/// not the directory's.
class DqliteStore final : public KineStore {
  public:
    DqliteStore(std::unique_ptr<dqlite::State> state, std::size_t database, StoreInfo info,
                Connection connection, TableInfo kine, int timeout_ms);

    [[nodiscard]] const Traits& traits() const noexcept override;
    [[nodiscard]] std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) override;
    /// A new directory `output` with the compacted database. The directory's lock is held meanwhile.
    void write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                         const Execution& execution, const std::string& output) override;
    /// The same as a kine store: a file of its own.
    void write_database(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                        const Execution& execution, const std::string& output);
    /// The database as it is, a file of its own in rollback mode. Throws damaged where SQLite finds a fault.
    void copy_database(const std::string& output);
    /// Its pages into an empty file, in rollback mode; not synced.
    void copy_pages(const TempFile& to) const;
    /// Where the log could not be applied to its end.
    [[nodiscard]] Findings structure_faults(Progress* progress) override;
    [[nodiscard]] LogPlace log_place() override {
        const auto& snapshot = state_->snapshot;
        return {nullptr, state_->folder.path, false,
                snapshot ? std::optional(snapshot->index) : std::nullopt};
    }
    void check(const CheckRequest& request, CheckResult& result, FindingLog& log) override;
    void check_executable(Findings& findings) override;
    [[nodiscard]] std::optional<DqliteFacts> dqlite_facts() override;
    /// What check_new_folder() throws, where a new directory is to be made.
    void check_member_change(const MemberChange& change) override;
    [[nodiscard]] std::vector<std::string> member_notes(const MemberChange& change) override;
    [[nodiscard]] Findings notices() override;
    /// k8s-dqlite keeps less than kine does.
    [[nodiscard]] std::int64_t kept_by_server() override { return 100; }

    [[nodiscard]] const dqlite::State& state() const noexcept { return *state_; }
    /// The name of the database inside the directory.
    [[nodiscard]] const std::string& database() const noexcept { return state_->databases[database_].name(); }

  private:
    std::unique_ptr<dqlite::State> state_;
    std::size_t database_;
};

/// Opens the directory `path`, or the only store in it; --member chooses the database, --raft-index the
/// moment. Throws what dqlite::read_state() does; not_a_store where no database has a table kine, usage where
/// several have and none is named.
[[nodiscard]] std::unique_ptr<DqliteStore> open_dqlite(const std::string& path, const OpenOptions& options);

/// The same of a state that was read already.
[[nodiscard]] std::unique_ptr<DqliteStore> open_state(dqlite::State&& read, const std::string& path,
                                                      const OpenOptions& options);

/// Throws read_only_layout, naming the way out.
[[noreturn]] void refuse_dqlite_in_place(const std::string& path);

struct LayoutCase;
extern const LayoutCase k_dqlite_case;

/// Throws in_use, naming the process, while a node holds the directory's lock (dqlite from 1.17 on takes one)
/// beyond the timeout. The lock is held until the result is destroyed, so that no node starts meanwhile.
class DqliteLock {
  public:
    DqliteLock(const std::string& path, int timeout_ms);
    DqliteLock(const DqliteLock&) = delete;
    DqliteLock& operator=(const DqliteLock&) = delete;

  private:
    Fd fd_;
};

}  // namespace kvctl::store
