#include "kvctl/mvcc/hash.hpp"

#include <algorithm>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::mvcc {

KvHash::KvHash(const Request& request)
    : request_(request),
      at_(request.at.value() == 0 ? request.current : request.at),
      boundary_(std::max(request.compacted, request.as_if_compacted.value_or(MainRevision(-1)))),
      index_needed_(boundary_.value() >= 0 || request.per_key),
      index_(request.rules) {
    if (request.as_if_compacted && *request.as_if_compacted > request.current) {
        throw future_revision(fmt::format("revision {}", *request.as_if_compacted), request.current);
    }
    const bool too_old = request.rules.hash_at_compact_rev ? request.at < boundary_ : request.at <= boundary_;
    if (request.at.value() > 0 && too_old) {
        throw compacted_revision(fmt::format("revision {}", request.at), boundary_);
    }
    if (request.at > request.current) {
        throw future_revision(fmt::format("revision {}", request.at), request.current);
    }
    restart();
}

void KvHash::restart() {
    index_.clear();
    index_.add_segments(1);
    batch_.clear();
    below_.clear();
    above_.clear();
    tail_crc_ = 0;
    tail_size_ = 0;
    tail_rows_ = 0;
}

void KvHash::add(const Record& r) {
    if (r.revision.main > at_.value()) return;
    if (index_needed_) {
        IndexRow row;
        row.revision = r.revision;
        row.tombstone = r.tombstone;
        row.key = r.key;
        row.create_revision = r.create_revision;
        row.version = r.version;
        if (!batch_.push(row)) index_.add(0, batch_);
    }
    const EncodedRevision key(r.revision, r.tombstone);
    std::string_view value = r.stored;
    if (!r.has_stored) {
        buffer_.clear();
        append_key_value(buffer_, r);
        value = buffer_;
    }
    const auto size = static_cast<std::uint32_t>(key.bytes().size() + value.size());
    if (r.revision.main > boundary_.value()) {
        tail_size_ += size;
        ++tail_rows_;
        if (!request_.per_key) {
            tail_crc_ = crc32c(crc32c(tail_crc_, key.bytes()), value);
            return;
        }
        const std::uint32_t crc = crc32c(crc32c(0, key.bytes()), value);
        tail_crc_ = crc32c_combine(tail_crc_, crc, size);
        above_.push_back({crc, size});
        return;
    }
    below_.push_back({crc32c(crc32c(0, key.bytes()), value), size});
}

bool KvHash::counts(Slot slot, const SlotSet& kept, bool filter, const SlotSet* removed) const {
    if (filter && !kept.contains(slot)) return false;
    if (removed != nullptr && removed->contains(slot)) return false;
    return !(request_.rules.hash_skip_tombstone && index_.is_tombstone(slot) &&
             index_.revision(slot).main == boundary_.value());
}

KvHash::Result KvHash::finish() {
    Result result;
    result.revision = at_;
    result.compacted = boundary_;
    result.hash = crc32c(0, "key");
    std::vector<KeyHash> per_key;
    if (index_needed_) {
        index_.add(0, batch_);
        if (!index_.seal())
            throw Error(ErrorKind::damaged,
                        "the store's rows do not come in revision order: no hash is possible");
        // Keep may be empty: then etcd filters nothing.
        bool none = true;
        const SlotSet kept = keep_tree(index_, index_.bound(at_), none);
        SlotSet removed;
        const bool simulated = request_.as_if_compacted && *request_.as_if_compacted > request_.compacted;
        if (simulated) {
            const CompactionInput input{at_, request_.compacted, std::nullopt};
            removed = plan_compaction(index_, input, boundary_).removed_slots;
        }
        per_key.resize(request_.per_key ? index_.key_count() : 0);
        std::size_t n = 0;
        std::size_t above = 0;
        index_.for_each_row(0, index_.slot_end(), [&](Slot s) {
            const bool low = index_.revision(s).main <= boundary_.value();
            if (!low && !request_.per_key) return;
            const Row& row = low ? below_[n++] : above_[above++];
            if (low && !counts(s, kept, !none, simulated ? &removed : nullptr)) return;
            if (low) {
                result.hash = crc32c_combine(result.hash, row.crc, row.size);
                ++result.rows;
            }
            if (!request_.per_key) return;
            KeyHash& k = per_key[index_.key_of(s)];
            k.hash = crc32c_combine(k.hash, row.crc, row.size);
            ++k.revisions;
        });
    }
    result.hash = crc32c_combine(result.hash, tail_crc_, tail_size_);
    result.rows += tail_rows_;
    for (KeyId id = 0; id < per_key.size(); ++id) {
        per_key[id].key = id;
        if (per_key[id].revisions > 0) result.keys.push_back(per_key[id]);
    }
    std::sort(result.keys.begin(), result.keys.end(),
              [&](const KeyHash& a, const KeyHash& b) { return index_.key(a.key) < index_.key(b.key); });
    return result;
}

}  // namespace kvctl::mvcc
