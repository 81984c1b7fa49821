#include "kvctl/mvcc/revision_audit.hpp"

#include <algorithm>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::mvcc {
namespace {

using Severity = Finding::Severity;

}  // namespace

RevisionAudit::RevisionAudit(MainRevision finished, std::optional<MainRevision> scheduled,
                             const CompactionRules& rules, FindingLog& findings)
    : finished_(finished),
      settled_(std::max(finished, scheduled.value_or(finished))),
      pending_(settled_ > finished),
      rules_(rules),
      findings_(findings) {}

void RevisionAudit::note(Severity severity, const char* code, Revision at, std::string what) {
    findings_.add({severity, code, revision_text(at), std::move(what), at.main});
}

void RevisionAudit::forget(std::string_view key, std::optional<Revision> at) {
    if (at && (!last_ || *at > *last_)) last_ = at;
    keys_[key].life = Life::unknown;
}

void RevisionAudit::forget_all() {
    complete_ = false;
    for (Key& key : keys_.values()) key.life = Life::unknown;
}

// Requests count up one by one and the changes of one request from 0: what is missing above the compact
// revision was either never written (a snapshot restored with a bumped revision) or is lost.
void RevisionAudit::check_gap(Revision at) {
    if (!complete_ || at.main <= settled_.value()) return;
    const Revision before = last_ && last_->main > settled_.value() ? *last_ : Revision{settled_.value(), 0};
    const bool first = !last_ || last_->main <= std::max<std::int64_t>(settled_.value(), 0);
    if (first && settled_.value() < 1) {
        if (at.sub > 0)
            note(Severity::info, "sub-gap", at, "the changes of its request before it are missing");
        return;
    }
    if (at.main - 1 > before.main) {
        note(Severity::info, "revision-gap", at,
             at.main - 1 == before.main + 1
                 ? fmt::format("nothing is stored of revision {}", at.main - 1)
                 : fmt::format("nothing is stored of revisions {} to {}", before.main + 1, at.main - 1));
    }
    const std::uint64_t expected =
        !first && at.main == before.main ? static_cast<std::uint64_t>(before.sub) + 1 : 0;
    if (static_cast<std::uint64_t>(at.sub) != expected)
        note(Severity::info, "sub-gap", at, "the changes of its request before it are missing");
}

// At most one row of a key is left at or below the compact revision.
void RevisionAudit::check_superseded(const Key& key, Revision by) {
    if (pending_ || by.main > finished_.value()) return;
    note(Severity::warning, "uncompacted-row", key.last,
         fmt::format("the compaction at {} should have removed it: {} of its key is newer", finished_,
                     revision_text(by)));
}

void RevisionAudit::check_tombstone(const AuditRow& row, Key& key) {
    if (row.has_value) note(Severity::error, "tombstone-value", row.revision, "a tombstone with a value");
    if (row.create_revision != 0 || row.version != 0 || row.lease != 0) {
        note(Severity::error, "tombstone-fields", row.revision,
             "a tombstone with a create revision, version or lease other than 0");
    }
    const bool may_be_cut = !complete_ || row.revision.main <= settled_.value();
    if (key.life == Life::dead || (key.life == Life::unseen && !may_be_cut)) {
        note(Severity::error, "tombstone-without-put", row.revision,
             key.life == Life::dead ? "its key was deleted already at " + revision_text(key.last)
                                    : "nothing is stored of its key before it, and no compaction took it");
    }
    if (!pending_ && row.revision.main < finished_.value()) {
        note(Severity::warning, "uncompacted-row", row.revision,
             fmt::format("the compaction at {} should have removed this tombstone", finished_));
    }
    key.life = Life::dead;
    key.at_risk = false;
    key.lease = 0;
}

void RevisionAudit::check_put(const AuditRow& row, Key& key) {
    const std::int64_t main = row.revision.main;
    if (!row.has_value) note(Severity::error, "put-null-value", row.revision, "a put whose value is NULL");
    // What `snapshot restore --bump-revision` writes.
    const bool bumped = row.key.empty() && row.version == 0 && row.create_revision == 0;
    std::string version;
    std::string created;
    if (bumped || key.life == Life::unknown) {
        // nothing to hold it against
    } else if (row.version < 1) {
        version = fmt::format("its version is {}; the first is 1", row.version);
    } else if (key.life == Life::live) {
        if (row.version - 1 != key.version) {
            version = fmt::format("its version is {} where version {} at {} came before it", row.version,
                                  key.version, revision_text(key.last));
        } else if (row.create_revision != key.create_revision) {
            created = fmt::format("its create revision is {}, that of {} before it {}", row.create_revision,
                                  revision_text(key.last), key.create_revision);
        }
    } else if (key.life == Life::dead && row.version != 1) {
        version = fmt::format("its version is {} although its key was deleted at {}", row.version,
                              revision_text(key.last));
    } else if (key.life == Life::unseen && row.version == 1 && row.create_revision >= 1 &&
               row.create_revision < main && main <= settled_.value()) {
        if (++counted_anew_ == 1) first_counted_anew_ = row.revision;
    } else if (row.version == 1 && row.create_revision != main) {
        created = fmt::format("its create revision is {} although it creates the key", row.create_revision);
    } else if (row.version > 1 && (row.create_revision < 1 || row.create_revision > main)) {
        created =
            fmt::format("its create revision is {} although it only changes the key", row.create_revision);
    } else if (row.version > 1 && complete_ && main > settled_.value()) {
        note(Severity::error, "missing-predecessor", row.revision,
             fmt::format("version {} of its key is not stored, and no compaction took it", row.version - 1));
    }
    if (!version.empty()) note(Severity::error, "version-break", row.revision, version);
    if (!created.empty()) note(Severity::error, "create-revision", row.revision, created);
    key.at_risk = key.last.main == main && (key.life == Life::dead || key.at_risk);
    key.life = Life::live;
    key.create_revision = row.create_revision;
    key.version = row.version;
    key.lease = row.lease;
}

bool RevisionAudit::add(const AuditRow& row) {
    if (last_ && row.revision < *last_) return false;
    if (last_ && row.revision == *last_) {
        note(Severity::error, "duplicate-revision", row.revision, "two rows have this revision");
        forget(row.key, std::nullopt);
        return true;
    }
    if (row.revision.main < 0 || row.revision.sub < 0) {
        note(Severity::error, "negative-revision", row.revision, "the revision is negative");
        last_ = row.revision;
        return true;
    }
    if (row.revision.main == 0) {
        note(Severity::warning, "main-zero", row.revision, "a server passes over rows of revision 0");
        last_ = row.revision;
        return true;
    }
    check_gap(row.revision);
    last_ = row.revision;
    Key& key = keys_[row.key];
    if (key.life == Life::live) check_superseded(key, row.revision);
    if (key.at_risk && row.revision.main > key.last.main) at_risk_.push_back(key.last);
    if (row.tombstone) {
        check_tombstone(row, key);
    } else {
        check_put(row, key);
    }
    key.last = row.revision;
    return true;
}

void RevisionAudit::each_leased(const std::function<void(std::int64_t, Revision)>& f) const {
    for (const Key& key : keys_.values()) {
        if (key.life == Life::live && key.lease != 0) f(key.lease, key.last);
    }
}

void RevisionAudit::finish() {
    for (const Key& key : keys_.values()) {
        if (key.at_risk) at_risk_.push_back(key.last);
    }
    if (counted_anew_ > 0) {
        note(Severity::info, "version-unknown", first_counted_anew_,
             fmt::format("the versions of {}, this one first, count from 1 behind a compaction that took the "
                         "creation, as a conversion from kine leaves them, which stores none",
                         many(counted_anew_, "key")));
    }
    std::sort(at_risk_.begin(), at_risk_.end());
    const bool own_rule = rules_.tombstones == CompactionRules::Tombstones::keep_at_rev;
    for (const Revision r : at_risk_) {
        if (r.main <= finished_.value()) continue;
        note(own_rule ? Severity::error : Severity::warning, "lost-live-revision", r,
             fmt::format("its request deletes and puts the key: a compaction at exactly {} by etcd 3.4.34, "
                         "3.5.16, 3.6 or newer would lose this live revision; compact with --tombstones "
                         "classic, or at another revision",
                         r.main));
    }
    at_risk_.clear();
}

}  // namespace kvctl::mvcc
