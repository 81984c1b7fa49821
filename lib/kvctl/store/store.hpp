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
#include "kvctl/base/hint.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/store/cluster.hpp"
#include "kvctl/store/dqlite_facts.hpp"
#include "kvctl/store/etcd_facts.hpp"
#include "kvctl/store/layout.hpp"
#include "kvctl/store/page_map.hpp"

namespace kvctl::mvcc {
struct CompactionPlan;
class SlotSet;
}  // namespace kvctl::mvcc
namespace kvctl::sqlite {
class Database;
}

namespace kvctl::store {

class CompactionModel;
class Conversion;
enum class TargetKind;
struct CheckRequest;
struct CheckResult;
struct Execution;

/// The words of --layout: "auto|native|...".
[[nodiscard]] const std::string& layout_words();
/// nullopt for "auto", and for what is none of the words.
[[nodiscard]] std::optional<Layout> layout_named(std::string_view word) noexcept;

/// What a layout can hold, and who decides over it: the same for every store of the layout.
struct Traits {
    std::optional<mvcc::CompactionRules>
        own_rules{};        ///< nobody chooses others; nullopt: etcd's, as asked for
    bool versions = false;  ///< versions and sub-revisions are stored: history tells them, HashKV covers them
    bool old_values = false;  ///< a row also holds the value before it
    bool in_place = false;  ///< rows can be changed where they stand; else the file is only ever written anew
    bool lease_is_ttl = false;  ///< the lease of a row is its time to live in seconds, no id of one
    bool journal = false;       ///< written through a journal or a -wal
    bool etcd_log = false;      ///< the writes came through a raft log of etcd's
    bool live = false;          ///< can be compacted beside its server
    /// The db of an etcd member: it may hold alarms, and have others like it.
    bool member = false;
    /// A dqlite directory: its members are in it, and a new one may have others.
    bool names_cluster = false;
};

/// What is to be done to one member of what may be a cluster, and what its operator says of the others.
struct MemberChange {
    bool itself = false;                   ///< the member itself changes, not a copy
    bool compacts = false;                 ///< its compact revision moves
    bool disarms = false;                  ///< its NOSPACE alarm goes
    bool all_members = false;              ///< all are stopped and get the same revision
    std::optional<std::uint64_t> voter{};  ///< a new directory is to have this server as its only member
};

/// Where a store's raft log lies: a table, a folder as raftlog::open() takes it, or nowhere.
struct LogPlace {
    sqlite::Database* table = nullptr;  ///< the database that may hold it
    std::string folder;
    bool wal = false;                    ///< it is a directory of etcd's, which may lie anywhere
    std::optional<LogIndex> snapshot{};  ///< of a dqlite directory, whose data the store has read
};

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
    bool locked_for_life = false;  ///< a server has it locked as long as it has it open
    bool auto_vacuum = false;      ///< keeps pages of back pointers
    bool shrinks_itself = false;   ///< auto_vacuum is full: each commit gives its free pages back

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
    /// The row at `scheduled` is one that `snapshot restore --bump-revision --mark-compacted` adds.
    bool marked_by_restore = false;

    /// scheduled above finished: a compaction was cut short, or a restore marked the revision, which the
    /// server carries out at its first start.
    [[nodiscard]] bool pending() const noexcept { return scheduled && *scheduled > compacted; }
    /// What the server holds to once it has started: revisions below it are refused.
    [[nodiscard]] MainRevision compaction_asked() const noexcept {
        return pending() ? *scheduled : compacted;
    }
    /// Pending, and said as what it is: a sentence without an end mark.
    [[nodiscard]] std::string pending_text() const;
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
    /// What has to stay as long as the store does: the file that it was unpacked into.
    void keep(std::shared_ptr<const void> what) { kept_ = std::move(what); }
    [[nodiscard]] virtual const Traits& traits() const noexcept = 0;
    [[nodiscard]] virtual StoreHead head() = 0;
    [[nodiscard]] virtual LogPlace log_place() = 0;
    /// Throws damaged where what tells cannot be read.
    [[nodiscard]] virtual Cluster cluster() { return {}; }

    /// What the file itself shows before any row is read, and every command tells: an older transaction in
    /// place of a newer one that cannot be read.
    [[nodiscard]] virtual Findings notices() { return {}; }
    /// The release of etcd that the rows are of, as far as the store tells; kine: nullopt.
    [[nodiscard]] virtual std::optional<mvcc::EtcdRelease> release() { return std::nullopt; }
    /// The cluster version that the raft log of an etcd db sets, for one that does not hold it itself yet.
    virtual void take_cluster_version(const std::string& /*version*/) {}
    /// Only an etcd db has any; complete behind load().
    [[nodiscard]] virtual std::optional<EtcdFacts> etcd_facts() { return std::nullopt; }
    /// Only a dqlite directory has any.
    [[nodiscard]] virtual std::optional<DqliteFacts> dqlite_facts() { return std::nullopt; }

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

    /// Revisions that the server itself keeps whatever its age: a hint asks for no less.
    [[nodiscard]] virtual std::int64_t kept_by_server() { return 1000; }

    /// Ascending by id. A kine store has none: its leases are TTLs on rows.
    [[nodiscard]] virtual std::vector<Lease> leases() = 0;

    /// Whether the file was written since it was opened, as far as its size and times tell.
    [[nodiscard]] virtual bool changed() const { return false; }
    /// What is read is of one moment whoever writes meanwhile.
    [[nodiscard]] virtual bool reads_snapshot() const noexcept { return false; }

    /// Every counter by its stored name (native: table meta; bbolt: bucket meta; kine: none), unknown ones
    /// included.
    [[nodiscard]] virtual std::vector<std::pair<std::string, std::int64_t>> meta() = 0;

    /// What may be done about a store of this layout, beyond what holds for any.
    [[nodiscard]] virtual std::vector<Hint> advice(const StoreHead& /*head*/,
                                                   const mvcc::TreeIndex& /*index*/) {
        return {};
    }

    /// What compactions of this store, whose load() gave `index`, come to. Never null; holds on to both.
    [[nodiscard]] virtual std::unique_ptr<CompactionModel> model(const mvcc::TreeIndex& index) = 0;

    /// What is wrong with the file that load() need not notice and a file made from it would hide, as errors.
    /// Reads the whole structure.
    [[nodiscard]] virtual Findings structure_faults(Progress* /*progress*/) { return {}; }

    /// What each page of the file is for; `live` are those rows of load()'s `index` that hold what a key is
    /// now. Reads the whole structure, but no value. nullopt: the layout cannot tell.
    [[nodiscard]] virtual std::optional<PageMap> page_map(const mvcc::TreeIndex& /*index*/,
                                                          const mvcc::SlotSet& /*live*/,
                                                          Progress* /*progress*/) {
        return std::nullopt;
    }

    /// Throws refused where the members of a cluster would not survive the change of one.
    virtual void check_member_change(const MemberChange& /*change*/) {}
    /// What whoever makes that change has to know of the members, a sentence each.
    [[nodiscard]] virtual std::vector<std::string> member_notes(const MemberChange& /*change*/) { return {}; }
    /// Whether an alarm is on that a disarming compaction takes away.
    [[nodiscard]] virtual bool space_alarm() { return false; }

    /// Throws where no compaction of the store can be planned, whatever its target.
    virtual void check_compactable(const StoreHead& /*head*/) const {}

    /// Throws refused where another name of the store's file speaks against this one: who writes would
    /// destroy the file; who copies would miss what is known to lie beside that name.
    virtual void check_name(bool /*writes*/) const {}

    /// Writes what the plan leaves, a copy of the store that is only read, to the new file `output`.
    virtual void write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                 const Execution& execution, const std::string& output) = 0;

    /// Throws where no executor may change this store, and why: read_only_layout, or refused, which is then
    /// also a finding `not-executable`.
    virtual void check_executable(Findings& findings) = 0;

    /// The layout's part of check_store(): everything that can be wrong with the file and its rows.
    virtual void check(const CheckRequest& request, CheckResult& result, FindingLog& log) = 0;

    /// The store as another layout would hold it. Reads it once, without values.
    [[nodiscard]] virtual std::unique_ptr<Conversion> conversion(TargetKind to, Progress* progress) = 0;

  private:
    std::shared_ptr<const void> kept_;
};

}  // namespace kvctl::store
