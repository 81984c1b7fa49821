#include "kvctl/store/import.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/native/native.hpp"

namespace kvctl::store {
namespace {

constexpr MainRevision k_first{std::numeric_limits<std::int64_t>::min()};
constexpr MainRevision k_last{std::numeric_limits<std::int64_t>::max()};

std::string rows_text(std::uint64_t n) {
    return std::to_string(n) + (n == 1 ? " row" : " rows");
}

}  // namespace

Conversion::Conversion(Store& store, Progress* progress) : store_(store) {
    current_ = store.head().current;
    leases_ = store.leases();
    for (Finding& f : store.notices()) warnings_.push_back(std::move(f.what));
    survey(progress);
}

void Conversion::survey(Progress* progress) {
    const Layout layout = store_.info().layout;
    const mvcc::TreeIndex index =
        store_.load(layout == Layout::kine ? mvcc::kine_rules() : mvcc::classic_rules(), findings_, progress);
    const mvcc::Tally& total = index.total();
    bytes_ = total.bytes;
    if (layout != Layout::bbolt) {
        for (const Finding& f : findings_) {
            if (f.severity != Finding::Severity::error) continue;
            throw Error(ErrorKind::damaged, store_.info().path + ": " +
                                                (f.where.empty() ? "" : f.where + ": ") + f.what +
                                                " ('kvctl check' names all such rows)");
        }
    }
    if (index.duplicates() > 0) {
        throw Error(ErrorKind::damaged, store_.info().path + ": " + rows_text(index.duplicates()) +
                                            " with the revision of another row");
    }
    if (index.version_break_count() > 0) {
        warnings_.push_back(
            rows_text(index.version_break_count()) +
            " with a version that does not follow from the key's row before; kept as they are");
    }
    if (findings_.empty()) rows_ = total.revisions - total.gaps;
    switch (layout) {
        case Layout::native:
            meta_ = store_.meta();
            break;
        case Layout::bbolt:
            take_bbolt();
            break;
        case Layout::kine: {
            std::int64_t last = 0;
            index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
                if (index.key_of(s) < mvcc::k_gap_key) last = index.revision(s).main;
            });
            if (total.gaps > 0)
                warnings_.push_back(rows_text(total.gaps) + (total.gaps == 1
                                                                 ? " that only fills a gap left out"
                                                                 : " that only fill gaps left out"));
            take_kine(MainRevision(last));
            break;
        }
    }
}

void Conversion::take_bbolt() {
    const StoreHead head = store_.head();
    if (head.scheduled) meta_.emplace_back("scheduled_compact_rev", head.scheduled->value());
    if (head.finished) meta_.emplace_back("finished_compact_rev", head.finished->value());
    if (head.consistent_index) {
        meta_.emplace_back("consistent_index", static_cast<std::int64_t>(head.consistent_index->value()));
    }
    if (head.term) meta_.emplace_back("term", static_cast<std::int64_t>(head.term->value()));
    auto* const db = dynamic_cast<BboltStore*>(&store_);
    if (db == nullptr) return;
    take_versions(*db);
    if (db->file().has_digest() && !db->file().digest_matches()) {
        throw Error(
            ErrorKind::damaged,
            store_.info().path +
                ": the SHA-256 at its end is not that of the snapshot before it: it was cut short or altered "
                "(without its last 32 bytes the file is taken as it is)");
    }
    const auto is_on = [&](const char* bucket, std::string_view key) {
        const auto found = db->file().bucket(bucket);
        if (!found) return false;
        bbolt::Cursor cursor(db->file(), *found);
        return cursor.seek(key) && cursor.key() == key && cursor.value() == std::string_view("\x01");
    };
    if (is_on("auth", "authEnabled")) {
        warnings_.emplace_back("authentication is on in this db; a native store holds no users and roles");
    }
    for (const EtcdFacts::Alarm& alarm : db->alarms()) {
        warnings_.push_back("an alarm is on in this db, " + alarm.text() + "; a native store holds none");
    }
}

// Which rules the rows follow (choose_rules).
void Conversion::take_versions(BboltStore& db) {
    const EtcdFacts facts = *db.etcd_facts();
    const auto take = [&](std::string_view name, const std::optional<std::string>& text) {
        const auto release = text ? mvcc::EtcdRelease::parse(*text) : std::nullopt;
        if (release) meta_.emplace_back(name, release->number());
    };
    take(k_storage_version, facts.storage_version);
    take(k_cluster_version, facts.cluster_version);
}

void Conversion::take_kine(MainRevision last_row) {
    const MainRevision compacted = store_.head().compacted;
    MainRevision recorded = compacted;
    if (current_ > std::max({last_row, compacted, MainRevision(1)})) {
        recorded = current_;
        warnings_.push_back(
            "the current revision " + std::to_string(current_.value()) +
            " is that of a row that is left out; it is kept as the compact revision, which was " +
            std::to_string(compacted.value()));
    }
    if (recorded > MainRevision(0)) {
        meta_.emplace_back("finished_compact_rev", recorded.value());
        meta_.emplace_back("scheduled_compact_rev", recorded.value());
    }
    current_ = std::max(current_, MainRevision(1));
}

// Versions are not stored: they are counted, and a life that began before the oldest row left counts from 2.
void Conversion::each_kine(const std::function<void(const mvcc::Record&)>& f) {
    std::map<std::string, std::int64_t, std::less<>> versions;
    std::uint64_t recreated = 0;
    store_.each_record(k_first, k_last, [&](const mvcc::Record& stored) {
        mvcc::Record r = stored;
        const auto known = versions.find(r.key);
        if (r.tombstone) {
            if (known != versions.end()) versions.erase(known);
        } else if (known != versions.end()) {
            if (r.create_revision == r.revision.main) ++recreated;
            r.version = ++known->second;
        } else {
            r.version = r.create_revision == r.revision.main ? 1 : 2;
            versions.emplace(r.key, r.version);
        }
        f(r);
    });
    if (recreated > 0) {
        warnings_.push_back(rows_text(recreated) +
                            " that create a key which exists already; versions count on");
    }
}

void Conversion::each_bbolt(const std::function<void(const mvcc::Record&)>& f) {
    std::uint64_t altered = 0;
    std::string again;
    store_.each_record(k_first, k_last, [&](const mvcc::Record& r) {
        again.clear();
        mvcc::append_key_value(again, r);
        if (r.has_stored && again != r.stored) ++altered;
        f(r);
    });
    if (altered > 0) {
        warnings_.push_back(rows_text(altered) +
                            " hold more than a native store can; hashes differ from those of the source");
    }
}

void Conversion::each(const std::function<void(const mvcc::Record&)>& f, Progress* progress) {
    std::uint64_t n = 0;
    const auto counted = [&](const mvcc::Record& r) {
        if ((++n & 0xFFF) == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("copying", n, rows_.value_or(0));
        }
        f(r);
    };
    switch (store_.info().layout) {
        case Layout::native:
            // By rowid: no index is believed. Rows in no order were compared with theirs as the store was
            // loaded.
            if (const auto* const native = dynamic_cast<const NativeStore*>(&store_);
                native != nullptr && native->in_order()) {
                store_.every_record(counted, [&] {
                    throw Error(ErrorKind::damaged, store_.info().path + ": rows are not in order any more");
                });
            } else {
                store_.each_record(k_first, k_last, counted);
            }
            break;
        case Layout::bbolt:
            each_bbolt(counted);
            break;
        case Layout::kine:
            each_kine(counted);
            break;
    }
    if (rows_ && n != *rows_) {
        throw Error(ErrorKind::damaged, store_.info().path + ": " + rows_text(n) + " read where " +
                                            std::to_string(*rows_) +
                                            " were counted: 'kvctl check' tells what is wrong");
    }
}

}  // namespace kvctl::store
