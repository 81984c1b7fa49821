#include <cassert>

#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/key_table.hpp"
#include "kvctl/mvcc/row_block.hpp"

// What etcd's restore makes of stored rows: the order by key, and which rows are of no key's life. Then the
// operations of its treeIndex, one at a time.
namespace kvctl::mvcc {

// Two counting passes: offsets a key, then each row's slot to its key's place, with etcd's restore rules on
// the way.
void TreeIndex::place_by_key() {
    KeyTable& keys = *keys_;
    std::uint32_t at = 0;
    for (KeyId id = 0; id < keys.size(); ++id) {
        KeyRecord& k = keys.at(id);
        k.begin = k.end = at;
        at += k.rows;
    }
    order_.assign(at, 0);
    marker_key_ = find_marker_key();
    version_breaks_.clear();
    version_break_count_ = 0;
    constexpr Slot k_ahead = 24;
    for (std::size_t n = 0; n < blocks_.size(); ++n) {
        Block& b = *blocks_[n];
        for (Slot i = 0; i < b.count; ++i) {
            if (i + k_ahead < b.count && b.key[i + k_ahead] < k_gap_key)
                prefetch(&keys.at(b.key[i + k_ahead]));
            if (i + k_ahead / 2 < b.count && b.key[i + k_ahead / 2] < k_gap_key) {
                prefetch(order_.data() + keys.at(b.key[i + k_ahead / 2]).end);
            }
            if (b.key[i] >= k_gap_key) continue;
            KeyRecord& k = keys.at(b.key[i]);
            const bool dead = (b.sub[i] & Block::k_tombstone) != 0;
            const bool exists = k.end > k.begin;
            const bool open = exists && (order_[k.end - 1] & 1U) == 0;
            const bool restored = !exists && rules_.restore_orphan_tombstone;
            if (!rules_.sees(b.main(i)) || (dead && !open && !restored)) {
                b.sub[i] |= Block::k_unindexed;
                continue;
            }
            if (!dead) {
                // Versions count on through a life and start at 1 after a tombstone; kine's rows have none.
                if (exists && b.version[i] != static_cast<std::uint8_t>(open ? k.last_version + 1 : 1) &&
                    !with_prev_ && b.key[i] != marker_key_) {
                    if (++version_break_count_ <= 100) {
                        version_breaks_.push_back(static_cast<Slot>(n << k_block_bits) + i);
                    }
                }
                k.last_version = b.version[i];
            }
            order_[k.end++] = (static_cast<Slot>(n << k_block_bits) + i) << 1 | (dead ? 1U : 0U);
        }
    }
    total_.keys = 0;
    live_keys_ = 0;
    for (KeyId id = 0; id < keys.size(); ++id) {
        const KeyRecord& k = keys.at(id);
        if (k.end == k.begin || id == marker_key_) continue;
        ++total_.keys;
        if ((order_[k.end - 1] & 1U) == 0) ++live_keys_;
    }
}

// No client can put the empty key, and a put's version is never 0.
KeyId TreeIndex::find_marker_key() const {
    const KeyId empty = rules_.kine() ? k_no_key : keys_->find("", hash_key(""));
    if (empty == k_no_key) return k_no_key;
    const KeyRecord& k = keys_->at(empty);
    const bool has_put = k.first_segment != KeyRecord::k_no_segment;
    return has_put && k.version == 0 && k.created == 0 ? empty : k_no_key;
}

KeyId TreeIndex::append_one(std::string_view key, Revision revision, bool tombstone, std::int64_t version) {
    if (segments_.empty()) segments_.resize(1);
    segments_.front().blocks = std::move(blocks_);
    keys_->reserve(1);
    const std::uint64_t hash = hash_key(key);
    const KeyId id = keys_->insert(key, hash);
    append(0,
           {.main = revision.main,
            .sub = revision.sub,
            .create_revision = revision.main,
            .version = version,
            .prev_revision = 0,
            .hash = hash,
            .key_at = 0,
            .key_size = static_cast<std::uint32_t>(key.size()),
            .bytes = static_cast<std::uint32_t>(key.size()),
            .overhead = 0,
            .kind = IndexRow::Kind::keyed,
            .tombstone = tombstone},
           id);
    return id;
}

void TreeIndex::put(std::string_view key, Revision revision) {
    const std::optional<KeyIndex> known = find(key);
    const bool fresh = !known;
    const std::int64_t version = known && known->live() ? keys_->at(known->id()).last_version + 1 : 1;
    KeyRecord& k = keys_->at(append_one(key, revision, false, version));
    if (fresh) {
        k.created = revision.main;
        k.created_sub = static_cast<std::uint32_t>(revision.sub);
        k.version = 1;
    }
    if (!seal()) throw Error(ErrorKind::internal, "a put's revision does not follow the newest one");
}

bool TreeIndex::tombstone(std::string_view key, Revision revision) {
    const std::optional<KeyIndex> known = find(key);
    if (!known || !known->live()) return false;
    append_one(key, revision, true, 0);
    if (!seal()) throw Error(ErrorKind::internal, "a tombstone's revision does not follow the newest one");
    return true;
}

void TreeIndex::restore(std::string_view key, Revision created, Revision modified, std::int64_t ver) {
    assert(!find(key));
    KeyRecord& k = keys_->at(append_one(key, modified, false, ver));
    k.created = created.main;
    k.created_sub = static_cast<std::uint32_t>(created.sub);
    k.version = ver;
    if (!seal()) throw Error(ErrorKind::internal, "a restored revision does not follow the newest one");
}

void TreeIndex::restore_tombstone(std::string_view key, Revision revision) {
    assert(!find(key));
    append_one(key, revision, true, 0);
    if (!seal())
        throw Error(ErrorKind::internal, "a restored tombstone's revision does not follow the newest one");
}

}  // namespace kvctl::mvcc
