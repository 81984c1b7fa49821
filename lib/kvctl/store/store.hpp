#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::store {

enum class Layout { native, kine, bbolt };
[[nodiscard]] std::string_view name_of(Layout layout) noexcept;

/// The file itself, read from the file system and the header; no row is touched for it.
struct StoreInfo {
    std::string path;       ///< as the user gave it
    std::string real_path;  ///< symbolic links resolved; what is opened
    Layout layout = Layout::native;
    std::uint64_t file_bytes = 0;
    std::uint64_t page_size = 0;
    std::uint64_t reserved_bytes = 0;  ///< at the end of each page, for extensions of SQLite
    std::uint64_t pages = 0;
    std::uint64_t free_pages = 0;
    std::uint64_t wal_bytes = 0;      ///< of a -wal beside it, 0 when there is none
    std::uint64_t journal_bytes = 0;  ///< of a -journal beside it
    bool wal_mode = false;
    bool auto_vacuum = false;     ///< keeps pages of back pointers
    bool shrinks_itself = false;  ///< auto_vacuum is full: each commit gives its free pages back

    /// Bytes of a page that SQLite itself may fill.
    [[nodiscard]] std::uint64_t usable_size() const noexcept { return page_size - reserved_bytes; }
    /// The file once what its -wal holds has been moved into it.
    [[nodiscard]] std::uint64_t bytes_with_wal() const noexcept {
        return std::max(file_bytes, pages * page_size);
    }
};

/// The store's counters.
struct StoreHead {
    MainRevision current{1};     ///< largest of last row, scheduled, finished and 1 (kine: MAX(id), or 0)
    MainRevision compacted{-1};  ///< finished; -1 if never (kine: 0)
    std::optional<MainRevision> scheduled;  ///< etcd's scheduledCompactRev, if stored
    std::optional<MainRevision> finished;   ///< etcd's finishedCompactRev, if stored
    std::optional<LogIndex> consistent_index;
    std::optional<Term> term;
    bool bookkeeping_row_missing = false;  ///< kine without a compact row
    std::uint64_t bookkeeping_rows = 0;    ///< kine: compact rows (1 in a sound store)

    /// scheduled above finished: a compaction was cut short.
    [[nodiscard]] bool pending() const noexcept { return scheduled && *scheduled > compacted; }
};

struct Lease {
    std::int64_t id = 0;
    std::int64_t ttl = 0;  ///< seconds
    friend bool operator==(const Lease&, const Lease&) = default;
};

/// A store opened for reading. Nothing a Store does changes a byte on disk or leaves a file behind.
class Store {
  public:
    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    virtual ~Store() = default;

    [[nodiscard]] virtual const StoreInfo& info() const = 0;
    [[nodiscard]] virtual StoreHead head() = 0;

    /// Reads every revision (no values) into an index for `rules` and seals it; damage goes to `findings`,
    /// and reading goes on where it can. One pass over the rows.
    [[nodiscard]] virtual mvcc::TreeIndex load(const mvcc::CompactionRules& rules, Findings& findings,
                                               Progress* progress) = 0;

    /// Calls `f` for every record with from <= main <= to, ascending by (main, sub), values included.
    virtual void each_record(MainRevision from, MainRevision to,
                             const std::function<void(const mvcc::Record&)>& f) = 0;

    /// Every record in revision order, as fast as the layout can: where the rows turn out not to stand in
    /// that order on disk, `restart` is called and all come again.
    virtual void every_record(const std::function<void(const mvcc::Record&)>& f,
                              const std::function<void()>& restart) {
        (void)restart;
        each_record(MainRevision(std::numeric_limits<std::int64_t>::min()),
                    MainRevision(std::numeric_limits<std::int64_t>::max()), f);
    }

    /// Calls `f` for every value that a row keeps of the one before it, ascending; only kine's rows do.
    virtual void each_old_value(
        const std::function<void(MainRevision, std::string_view key, std::string_view old_value)>& f) {
        (void)f;
    }

    /// The record at exactly this revision; nullopt when it is not stored. The view lives until the next
    /// call.
    [[nodiscard]] virtual std::optional<mvcc::Record> record(mvcc::Revision revision) = 0;

    /// What load() would make of one key, without a scan where the layout has an index that helps; else
    /// nullopt. The index also holds the rows of other keys that bear on a verdict about this one (kine's
    /// pointers). `findings` are those of the rows read.
    [[nodiscard]] virtual std::optional<mvcc::TreeIndex> load_key(std::string_view key,
                                                                  const mvcc::CompactionRules& rules,
                                                                  Findings& findings) = 0;

    /// Ascending by id. A kine store has none: its leases are TTLs on rows.
    [[nodiscard]] virtual std::vector<Lease> leases() = 0;

    /// Every counter by its stored name (native: table meta; bbolt: bucket meta; kine: none), unknown ones
    /// included.
    [[nodiscard]] virtual std::vector<std::pair<std::string, std::int64_t>> meta() = 0;
};

}  // namespace kvctl::store
