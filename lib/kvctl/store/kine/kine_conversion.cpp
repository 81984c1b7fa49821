#include <algorithm>
#include <map>

#include "kvctl/store/conversion.hpp"
#include "kvctl/store/kine/kine.hpp"

namespace kvctl::store {
namespace {

// Rows get a version, counted through each life of a key (from 2 where the row that created it is gone); the
// compact revision becomes scheduled and finished. Gap rows and the compact row are left out; where one of
// them holds the current revision, scheduled and finished are raised to it, since nothing else would keep it.
class KineConversion final : public Conversion {
  public:
    KineConversion(KineStore& store, Progress* progress) : Conversion(store) {
        const mvcc::TreeIndex index = survey(Damage::refused, progress);
        std::int64_t last = 0;
        index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
            if (index.key_of(s) < mvcc::k_gap_key) last = index.revision(s).main;
        });
        const std::uint64_t gaps = index.total().gaps;
        if (gaps > 0) {
            warn(rows_text(gaps) +
                 (gaps == 1 ? " that only fills a gap left out" : " that only fill gaps left out"));
        }
        take_counters(MainRevision(last));
    }

  private:
    void take_counters(MainRevision last_row) {
        const MainRevision compacted = store().head().compacted;
        MainRevision recorded = compacted;
        if (current() > std::max({last_row, compacted, MainRevision(1)})) {
            recorded = current();
            warn("the current revision " + std::to_string(current().value()) +
                 " is that of a row that is left out; it is kept as the compact revision, which was " +
                 std::to_string(compacted.value()));
        }
        if (recorded > MainRevision(0)) {
            add_meta("finished_compact_rev", recorded.value());
            add_meta("scheduled_compact_rev", recorded.value());
        }
        set_current(std::max(current(), MainRevision(1)));
    }

    // Versions are not stored: they are counted, and a life that began before the oldest row left counts
    // from 2.
    void each_row(const std::function<void(const mvcc::Record&)>& f) override {
        std::map<std::string, std::int64_t, std::less<>> versions;
        std::uint64_t recreated = 0;
        store().each_record(k_first, k_last, [&](const mvcc::Record& stored) {
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
            warn(rows_text(recreated) + " that create a key which exists already; versions count on");
        }
    }
};

}  // namespace

std::unique_ptr<Conversion> KineStore::conversion(Progress* progress) {
    return std::make_unique<KineConversion>(*this, progress);
}

}  // namespace kvctl::store
