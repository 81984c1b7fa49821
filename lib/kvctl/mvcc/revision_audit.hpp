#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/key_map.hpp"
#include "kvctl/mvcc/revision.hpp"
#include "kvctl/mvcc/rules.hpp"

namespace kvctl::mvcc {

/// What an audit needs to know of one stored revision; the key is only read during the call.
struct AuditRow {
    Revision revision;
    bool tombstone = false;
    std::string_view key;
    std::int64_t create_revision = 0;
    std::int64_t version = 0;
    std::int64_t lease = 0;
    bool has_value = true;  ///< false: the column is NULL (an empty value is one)
};

/// Holds every stored revision of an etcd-style store against what its neighbours say: rows come in revision
/// order, a life of a key starts with version 1 at its own create revision and counts on by one, a tombstone
/// ends a life that there is, and only a compaction takes the beginning of a life away.
///
/// Codes, as errors: `duplicate-revision`, `negative-revision`, `version-break`, `create-revision`,
/// `missing-predecessor`, `tombstone-without-put`, `tombstone-value`, `tombstone-fields`, `put-null-value`;
/// as warnings: `main-zero`, `uncompacted-row`; for information: `revision-gap`, `sub-gap`, and once
/// `version-unknown`: no etcd writes a version 1 behind the creation, but a conversion does whose source has
/// no versions, where a compaction took the rows to count. `lost-live-revision` (etcd.md 2.4) is an error
/// where the store's own rule loses the row, else a warning.
///
/// Memory grows with the number of keys only.
class RevisionAudit {
  public:
    /// `finished` and `scheduled` as in StoreHead: below the larger of the two, a compaction may have taken
    /// rows.
    RevisionAudit(MainRevision finished, std::optional<MainRevision> scheduled, const CompactionRules& rules,
                  FindingLog& findings);

    /// False, and nothing is noted, when the row stands before one that came already: the rows have to be
    /// sorted first.
    [[nodiscard]] bool add(const AuditRow& row);
    /// A row of this key could not be read: the next one is taken as it is. `at`: its revision, if known.
    void forget(std::string_view key, std::optional<Revision> at);
    /// Rows of unknown keys could not be read: the next one of each key is taken as it is.
    void forget_all();

    /// Calls `f` for each live key that hangs on a lease, in no order.
    void each_leased(const std::function<void(std::int64_t lease, Revision revision)>& f) const;
    /// Call once, behind the last row.
    void finish();

  private:
    enum class Life : std::uint8_t { unseen, live, dead, unknown };
    struct Key {
        Life life = Life::unseen;
        bool at_risk = false;  ///< the last row is a put behind a tombstone of the same main
        Revision last{};
        std::int64_t create_revision = 0;
        std::int64_t version = 0;
        std::int64_t lease = 0;
    };

    void note(Finding::Severity severity, const char* code, Revision at, std::string what);
    void check_gap(Revision at);
    void check_tombstone(const AuditRow& row, Key& key);
    void check_put(const AuditRow& row, Key& key);
    void check_superseded(const Key& key, Revision by);

    MainRevision finished_;
    MainRevision settled_;  // rows at or below it may have been compacted away
    bool pending_;
    CompactionRules rules_;
    FindingLog& findings_;
    std::optional<Revision> last_;
    bool complete_ = true;  // no row was lost on the way
    std::vector<Revision> at_risk_;
    std::uint64_t counted_anew_ = 0;  // keys whose version is unknown
    Revision first_counted_anew_{};
    KeyMap<Key> keys_;
};

}  // namespace kvctl::mvcc
