#include "kvctl/mvcc/tree_index.hpp"

#include <limits>

#include "kvctl/mvcc/key_table.hpp"
#include "kvctl/mvcc/row_block.hpp"

namespace kvctl::mvcc {

TreeIndex::TreeIndex(CompactionRules rules, bool with_prev_revision)
    : rules_(rules), with_prev_(with_prev_revision), keys_(std::make_unique<KeyTable>()) {}
TreeIndex::~TreeIndex() = default;
TreeIndex::TreeIndex(TreeIndex&&) noexcept = default;
TreeIndex& TreeIndex::operator=(TreeIndex&&) noexcept = default;

std::size_t TreeIndex::key_count() const noexcept {
    return keys_->size();
}

std::string_view TreeIndex::key(KeyId id) const noexcept {
    return keys_->at(id).name();
}

std::uint32_t TreeIndex::row_count(KeyId id) const noexcept {
    return keys_->at(id).rows;
}

TreeIndex::Columns TreeIndex::columns(Slot from, Slot count) const noexcept {
    const Block& b = block(from);
    const Slot i = from & Block::k_mask;
    return {.base = from,
            .count = count,
            .key = &b.key[i],
            .sub = &b.sub[i],
            .bytes = &b.bytes[i],
            .overhead = &b.overhead[i],
            .first_main = b.first_main,
            .main_offset = &b.main_offset[i],
            .far_main = &b.far_main};
}

KeyIndex TreeIndex::key_index(KeyId id) const {
    const KeyRecord& k = keys_->at(id);
    const std::span<const std::uint32_t> entries(order_.data() + k.begin, k.end - k.begin);
    // A key that begins with a tombstone has lost the put it belongs to: created 0.0, one change.
    if (entries.empty() || (entries.front() & 1U) != 0) return {*this, id, entries, {}, 0};
    return {*this, id, entries, {k.created, k.created_sub}, k.version - 1};
}

std::optional<KeyIndex> TreeIndex::find(std::string_view key) const {
    const KeyId id = keys_->find(key, hash_key(key));
    if (id == k_no_key) return std::nullopt;
    KeyIndex found = key_index(id);
    return found.empty() ? std::nullopt : std::optional(found);
}

std::vector<KeyId> TreeIndex::range(std::string_view key, std::optional<std::string_view> end) const {
    std::vector<KeyId> ids;
    if (!end) {
        if (const auto found = find(key); found && found->id() != marker_key_) ids.push_back(found->id());
        return ids;
    }
    for (KeyId id = 0; id < keys_->size(); ++id) {
        const KeyRecord& k = keys_->at(id);
        const std::string_view name = k.name();
        if (k.end > k.begin && id != marker_key_ && name >= key && (end->empty() || name < *end))
            ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end(), [&](KeyId a, KeyId b) { return this->key(a) < this->key(b); });
    return ids;
}

std::vector<KeyId> TreeIndex::sorted_keys() const {
    return range("", "");
}

Slot TreeIndex::block_rows(std::size_t block) const noexcept {
    return blocks_[block]->count;
}

Slot TreeIndex::slot_end() const noexcept {
    return blocks_.empty() ? 0
                           : static_cast<Slot>((blocks_.size() - 1) << k_block_bits) + blocks_.back()->count;
}

Slot TreeIndex::last_slot() const noexcept {
    return blocks_.empty() ? k_no_slot : slot_end() - 1;
}

Revision TreeIndex::revision(Slot slot) const {
    return block(slot).revision(slot & Block::k_mask);
}

bool TreeIndex::is_tombstone(Slot slot) const {
    return block(slot).tombstone(slot & Block::k_mask);
}
bool TreeIndex::is_indexed(Slot slot) const {
    return key_of(slot) < k_gap_key && (block(slot).sub[slot & Block::k_mask] & Block::k_unindexed) == 0;
}
KeyId TreeIndex::key_of(Slot slot) const {
    return block(slot).key[slot & Block::k_mask];
}
std::uint32_t TreeIndex::bytes_of(Slot slot) const {
    return block(slot).bytes[slot & Block::k_mask];
}
std::uint32_t TreeIndex::overhead_of(Slot slot) const {
    return block(slot).overhead[slot & Block::k_mask];
}

std::int64_t TreeIndex::prev_revision_of(Slot slot) const {
    return block(slot).prev_revision(slot & Block::k_mask);
}

Slot TreeIndex::lower_bound(MainRevision at) const {
    const auto b = std::partition_point(blocks_.begin(), blocks_.end(), [&](const std::unique_ptr<Block>& x) {
        return x->main(x->count - 1) < at.value();
    });
    if (b == blocks_.end()) return slot_end();
    Slot low = 0;
    Slot high = (*b)->count;
    while (low < high) {
        const Slot middle = low + (high - low) / 2;
        if ((*b)->main(middle) < at.value()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return static_cast<Slot>(static_cast<std::size_t>(b - blocks_.begin()) << k_block_bits) + low;
}

Slot TreeIndex::upper_bound(MainRevision at) const {
    return at.value() == std::numeric_limits<std::int64_t>::max() ? slot_end()
                                                                  : lower_bound(MainRevision(at.value() + 1));
}

CompactionBound TreeIndex::bound(MainRevision at) const {
    return {lower_bound(at), upper_bound(at), rules_.tombstones};
}

Slot TreeIndex::find_slot(Revision revision) const {
    const Slot end = slot_end();
    for (Slot s = lower_bound(MainRevision(revision.main)); s < end; ++s) {
        if ((s & Block::k_mask) >= block(s).count) {
            s |= Block::k_mask;  // the rest of a block that is not full
            continue;
        }
        const Revision r = this->revision(s);
        if (r == revision) return s;
        if (r > revision) break;
    }
    return k_no_slot;
}

}  // namespace kvctl::mvcc
