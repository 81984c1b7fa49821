#include <algorithm>
#include <map>
#include <set>

#include "kvctl/base/format.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/kine/kine.hpp"

namespace kvctl::store {
namespace {

// Rows get a version, counted through each life of a key; the compact revision becomes scheduled and
// finished. Gap rows and the compact row are left out: where one of them holds the current revision, that is
// lowered.
class KineConversion final : public Conversion {
  public:
    KineConversion(KineStore& store, TargetKind to, Progress* progress)
        : Conversion(store, to), kine_(store) {
        const mvcc::TreeIndex index = survey(Damage::refused, progress);
        std::int64_t last = 0;
        index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
            if (index.key_of(s) < mvcc::k_gap_key) last = index.revision(s).main;
        });
        const std::uint64_t gaps = index.total().gaps;
        if (gaps > 0 && target() != TargetKind::kine) {
            warn(fmt::format("{} that only {} left out", rows_text(gaps),
                             gaps == 1 ? "fills a gap" : "fill gaps"));
        }
        take_counters(MainRevision(last));
    }

  private:
    [[nodiscard]] bool leases_are_ttls() const noexcept override { return true; }

    [[nodiscard]] std::vector<Lease> all_leases() override {
        std::set<std::int64_t> ttls;
        sqlite::Statement s = kine_.db().prepare(
            "SELECT DISTINCT lease FROM kine NOT INDEXED WHERE name IS NOT NULL AND name <> 'compact_rev_key'"
            " AND typeof(deleted) = 'integer' AND deleted = 0");
        while (s.step()) ttls.insert(s.integer(0));
        ttls.erase(0);
        std::vector<Lease> all;
        all.reserve(ttls.size());
        for (const std::int64_t ttl : ttls) all.push_back(lease_of(ttl));
        return all;
    }

    // A time to live becomes a lease with that id, as kine's answers name it.
    [[nodiscard]] static Lease lease_of(std::int64_t ttl) noexcept { return {ttl, ttl}; }

    void take_counters(MainRevision last_row) {
        const MainRevision compacted = store().head().compacted;
        if (compacted > MainRevision(0)) {
            add_meta("finished_compact_rev", compacted.value());
            add_meta("scheduled_compact_rev", compacted.value());
        }
        // A table of kine's gets rows for them again.
        if (target() == TargetKind::kine) return;
        set_current(std::max({last_row, compacted, MainRevision(1)}));
    }

    // Versions are not stored: they are counted from the oldest row that is left of a life.
    void each_row(const std::function<void(const mvcc::Record&)>& f) override {
        std::map<std::string, std::int64_t, std::less<>> versions;
        std::set<std::int64_t> ttls;
        std::uint64_t recreated = 0;
        if (const MainRevision before = store().head().current; before > current()) {
            warn(fmt::format(
                "the current revision {} is that of a row that is left out; the new store's is {}", before,
                current()));
        }
        store().each_record(k_first, k_last, [&](const mvcc::Record& stored) {
            mvcc::Record r = stored;
            if (r.lease != 0) ttls.insert(r.lease);
            const auto known = versions.find(r.key);
            if (r.tombstone) {
                if (known != versions.end()) versions.erase(known);
            } else if (known != versions.end()) {
                if (r.create_revision == r.revision.main) ++recreated;
                r.version = ++known->second;
            } else {
                r.version = 1;
                versions.emplace(r.key, r.version);
            }
            f(r);
        });
        for (const std::int64_t ttl : ttls) add_found_lease(lease_of(ttl));
        if (recreated > 0) {
            warn(rows_text(recreated) + " that create a key which exists already; versions count on");
        }
    }

    KineStore& kine_;
};

}  // namespace

std::unique_ptr<Conversion> KineStore::conversion(TargetKind to, Progress* progress) {
    return std::make_unique<KineConversion>(*this, to, progress);
}

}  // namespace kvctl::store
