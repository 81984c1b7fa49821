#include "kvctl/store/bbolt/bucket_changes.hpp"

#include <memory>

#include "kvctl/base/proto.hpp"
#include "kvctl/store/slot_cursor.hpp"

namespace kvctl::store {

bool is_nospace(std::string_view alarm) {
    constexpr std::uint64_t k_nospace = 1;
    std::uint64_t type = 0;
    proto::Reader r(alarm);
    while (r.next()) {
        if (r.field() == 2) type = r.number();
    }
    return !r.bad() && type == k_nospace;
}

namespace {

// The rows that a plan keeps, as a walk through bucket "key" meets them.
class KeptRows {
  public:
    KeptRows(const RebuildChanges& changes, std::uint64_t* rows)
        : index_(*changes.index), removed_(changes.plan->removed_slots), cursor_(index_), rows_(rows) {}

    bool leaves_out(std::string_view key) {
        const auto at = mvcc::decode_revision(key);
        const mvcc::Slot slot = at ? cursor_.at(at->revision) : mvcc::k_no_slot;
        if (slot == mvcc::k_no_slot) return false;
        next_ = slot + 1;
        if (removed_.contains(slot)) return true;
        if (rows_ != nullptr) ++*rows_;
        return false;
    }
    std::optional<std::string_view> next() {
        while (next_ < index_.slot_end() && (!index_.occupied(next_) || removed_.contains(next_))) ++next_;
        if (next_ >= index_.slot_end()) return std::nullopt;
        cursor_.expect(next_);
        key_ = mvcc::EncodedRevision(index_.revision(next_), index_.is_tombstone(next_));
        return key_.bytes();
    }

  private:
    const mvcc::TreeIndex& index_;
    const mvcc::SlotSet& removed_;
    SlotCursor cursor_;
    std::uint64_t* rows_;
    mvcc::Slot next_ = 0;
    mvcc::EncodedRevision key_{{}, false};
};

}  // namespace

BucketChanges changes_of(std::string_view bucket, const RebuildChanges& changes, std::uint64_t* rows) {
    BucketChanges c;
    if (bucket == "key" && changes.compacts()) {
        const auto kept = std::make_shared<KeptRows>(changes, rows);
        c.leaves_out = [kept](std::string_view key) { return kept->leaves_out(key); };
        c.next_kept = [kept] { return kept->next(); };
    }
    if (bucket == "meta" && changes.compacts()) {
        const mvcc::EncodedRevision revision({changes.plan->compacted_after.value(), 0}, false);
        for (const char* const name : {"scheduledCompactRev", "finishedCompactRev"})
            c.set.emplace(name, revision.bytes());
    }
    if (bucket == "alarm" && changes.disarm) c.leaves_out = is_nospace;
    return c;
}

}  // namespace kvctl::store
