#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::store {

/// Revisions that stay beside a running server, the newest one counted: kine itself keeps as many.
inline constexpr std::int64_t k_kept_beside_server = 1000;

/// How a compaction beside a server goes about it.
struct LiveTerms {
    std::optional<std::int64_t> size{};                ///< revisions a transaction; nullopt: by measure
    std::optional<std::chrono::milliseconds> pause{};  ///< between two; nullopt: by measure
    /// Then it stops, behind one transaction at least: else a store that takes longer to read never gets
    /// done.
    std::optional<std::chrono::steady_clock::time_point> until{};
};

/// A compaction beside a server, in transactions that each leave the store right.
class LiveCompaction {
  public:
    LiveCompaction() = default;
    LiveCompaction(const LiveCompaction&) = delete;
    LiveCompaction& operator=(const LiveCompaction&) = delete;
    virtual ~LiveCompaction() = default;

    struct State {
        bool complete = false;   ///< all that the plan removes is gone
        MainRevision compacted;  ///< as this run left it, or somebody else who went further
        std::uint64_t deleted = 0;
        std::uint64_t gone_before = 0;  ///< rows that another compaction took before this run came to them
        std::uint64_t transactions = 0;
        std::uint64_t foreign = 0;            ///< how often somebody else had moved the compact revision
        std::uint64_t busy_retries = 0;       ///< how often a lock was found taken
        std::chrono::microseconds longest{};  ///< that a transaction kept writers out
    };
    [[nodiscard]] virtual State state() const = 0;

    /// All transactions, or as many as there is time for. Throws what stops it; state() then tells how far it
    /// came.
    virtual void work() = 0;

    /// Rows of the index that are known to be gone: those that work() deleted or missed, and all that
    /// verify() did not see.
    [[nodiscard]] virtual const mvcc::SlotSet& gone() const noexcept = 0;

    /// What is as the plan has it, and what is otherwise.
    struct Difference {
        std::uint64_t same = 0;  ///< rows that stay, as they were before the first transaction, to the byte
        std::uint64_t left = 0;  ///< rows that can go and are there: of a compaction that others did
        std::uint64_t gone = 0;  ///< rows that stay and are not there, though no compact revision says so
    };
    /// Reads the store once more, up to the newest revision that the plan knows. Throws damaged where a row
    /// that stays is another one, or is gone though no compaction takes it, the compact revision is a lower
    /// one, or, where no other compaction was seen, one is left that is to go.
    [[nodiscard]] virtual Difference verify() = 0;
};

/// A store that others may have open and write to.
class LiveStore {
  public:
    LiveStore() = default;
    LiveStore(const LiveStore&) = delete;
    LiveStore& operator=(const LiveStore&) = delete;
    virtual ~LiveStore() = default;

    [[nodiscard]] virtual Store& store() noexcept = 0;
    /// What is read in `read` is of one moment; writers go on.
    virtual void at_one_moment(const std::function<void()>& read) = 0;
    /// Refers to all it is made from.
    [[nodiscard]] virtual std::unique_ptr<LiveCompaction> compaction(const mvcc::TreeIndex& index,
                                                                     const mvcc::CompactionPlan& plan,
                                                                     const LiveTerms& terms,
                                                                     Progress* progress) = 0;
    /// Copies the store as it is at one moment to the new file `to`. Throws as WritableStore::backup().
    virtual void backup(const std::string& to, Progress* progress) = 0;
    /// VACUUM, and the -wal into the file. False: the -wal is in somebody's use and stays as it is.
    [[nodiscard]] virtual bool shrink() = 0;
    virtual void close() = 0;
};

/// Throws what open_live() refuses a store for that was opened for reading, but for what makes its table
/// another's (Store::check_executable) and for another kvctl.
void refuse_unless_live(Store& store);

/// Throws usage: the layout is none that is compacted so.
[[noreturn]] void refuse_live(const std::string& path);

/// Throws as refuse_live(); refused on a network file system, for a table that is
/// not the layout's own, and where not exactly one row holds the compact revision; in_use where another kvctl
/// is at the same work. A lock is waited for up to `timeout_ms`: then busy.
[[nodiscard]] std::unique_ptr<LiveStore> open_live(const std::string& path, const OpenOptions& options,
                                                   int timeout_ms);

}  // namespace kvctl::store
