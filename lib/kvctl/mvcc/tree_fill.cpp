#include <limits>
#include <mutex>

#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/key_table.hpp"
#include "kvctl/mvcc/row_block.hpp"

// How rows come into the columns, from several threads, and the columns into one order.
namespace kvctl::mvcc {
namespace {

// Slots are 31 bits wide in the order by key, which keeps the tombstone in its lowest bit.
constexpr std::size_t k_max_blocks = (std::size_t{1} << 31) >> TreeIndex::k_block_bits;

}  // namespace

void TreeIndex::add_segments(std::size_t count) {
    segments_.resize(segments_.size() + count);
}

void TreeIndex::clear() {
    *this = TreeIndex(rules_, with_prev_);
}

void TreeIndex::append(std::size_t segment, const RowBatch::Row& row, KeyId id) {
    Segment& s = segments_[segment];
    const Revision revision{row.main, row.sub};
    if (s.empty) {
        s.first = revision;
        s.empty = false;
    } else if (revision <= s.last) {
        if (revision == s.last) ++duplicates_;
        s.ordered = s.ordered && revision == s.last;
    }
    s.last = revision;
    if (s.blocks.empty() || s.blocks.back()->full()) s.blocks.push_back(std::make_unique<Block>(with_prev_));
    s.blocks.back()->push(row, id);
    ++total_.revisions;
    total_.bytes += row.bytes;
    if (id == k_gap_key) ++total_.gaps;
    if (id >= k_gap_key) return;
    if (row.tombstone) ++total_.tombstones;
    KeyRecord& k = keys_->at(id);
    ++k.rows;
    // What a restart knows of a key's first life comes from its first put.
    if (!row.tombstone && rules_.sees(row.main) && segment < k.first_segment) {
        k.first_segment = static_cast<std::uint16_t>(segment);
        k.created = row.create_revision;
        k.version = row.version;
    }
}

void TreeIndex::add(std::size_t segment, RowBatch& batch) {
    // Probing the table, a key's record and its bytes are three cache misses a row; a group of rows takes
    // them together.
    constexpr std::size_t k_group = 16;
    const std::lock_guard lock(keys_->mutex());
    KeyTable& keys = *keys_;
    keys.reserve(batch.rows_.size());
    const std::vector<RowBatch::Row>& rows = batch.rows_;
    for (std::size_t i = 0; i < std::min(k_group, rows.size()); ++i) prefetch(keys.first_place(rows[i].hash));
    for (std::size_t begin = 0; begin < rows.size(); begin += k_group) {
        const std::size_t end = std::min(begin + k_group, rows.size());
        for (std::size_t i = end; i < std::min(end + k_group, rows.size()); ++i) {
            prefetch(keys.first_place(rows[i].hash));
        }
        for (std::size_t i = begin; i < end; ++i) {
            const KeyTable::Entry& e = *keys.first_place(rows[i].hash);
            if (e.id != k_no_key) prefetch(&keys.at(e.id));
        }
        for (std::size_t i = begin; i < end; ++i) {
            const KeyTable::Entry& e = *keys.first_place(rows[i].hash);
            if (e.id != k_no_key) prefetch(keys.at(e.id).data);
        }
        for (std::size_t i = begin; i < end; ++i) {
            const RowBatch::Row& row = rows[i];
            KeyId id = k_no_key;
            if (row.kind == IndexRow::Kind::keyed) {
                id = keys.insert({batch.keys_.data() + row.key_at, row.key_size}, row.hash);
            } else if (row.kind == IndexRow::Kind::gap) {
                id = k_gap_key;
            }
            append(segment, row, id);
        }
    }
    batch.clear();
}

bool TreeIndex::seal() {
    Slot slots = 0;
    blocks_.clear();
    const Segment* before = nullptr;
    for (const Segment& s : segments_) {
        if (s.empty) continue;
        if (!s.ordered || (before != nullptr && s.first < before->last)) return false;
        if (before != nullptr && s.first == before->last) ++duplicates_;
        before = &s;
        slots += static_cast<Slot>(s.blocks.size());
    }
    if (slots >= k_max_blocks) throw Error(ErrorKind::refused, "more than 2147418112 revisions");
    std::vector<Segment> one(1);
    Segment& all = one.front();
    for (Segment& s : segments_) {
        if (s.empty) continue;
        if (all.empty) all.first = s.first;
        all.empty = false;
        all.last = s.last;
        for (auto& b : s.blocks) all.blocks.push_back(std::move(b));
    }
    segments_ = std::move(one);
    // Views outlive this call only through blocks_; until now the segment had them, while more rows could
    // come.
    blocks_ = std::move(segments_.front().blocks);
    segments_.front().blocks.clear();
    place_by_key();
    return true;
}

}  // namespace kvctl::mvcc
