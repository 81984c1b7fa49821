#include "kvctl/mvcc/tree_index.hpp"

#include <array>
#include <cassert>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "kvctl/base/error.hpp"

namespace kvctl::mvcc {
namespace {

constexpr std::size_t k_block_size = std::size_t{1} << TreeIndex::k_block_bits;
constexpr Slot k_in_block = static_cast<Slot>(k_block_size - 1);

// A row's sub, with two flags on top. A sub that does not fit (or is negative) stands in the block's side
// table.
constexpr std::uint32_t k_tombstone = 0x80000000U;
constexpr std::uint32_t k_unindexed = 0x40000000U;
constexpr std::uint32_t k_sub_mask = 0x3FFFFFFFU;
constexpr std::uint32_t k_wide_sub = k_sub_mask;
constexpr std::uint32_t k_wide_prev = 0xFFFFFFFFU;

// Slots are 31 bits wide in order_, which keeps the tombstone in its lowest bit.
constexpr std::size_t k_max_blocks = (std::size_t{1} << 31) >> TreeIndex::k_block_bits;

void prefetch(const void* p) noexcept {
    __builtin_prefetch(p);
}

}  // namespace

// Columns, so that each pass over the rows touches only what it reads; allocated but not cleared.
struct TreeIndex::Block {
    std::array<std::uint32_t, k_block_size> main_offset;  // from first_main
    std::array<KeyId, k_block_size> key;
    std::array<std::uint32_t, k_block_size> sub;
    std::array<std::uint32_t, k_block_size> bytes;
    std::array<std::uint8_t, k_block_size> overhead;
    std::array<std::uint8_t, k_block_size> version;  // its lowest byte: enough to see a chain that breaks
    Slot count;
    std::unique_ptr<std::array<std::uint32_t, k_block_size>> prev;  // main - prev_revision; 0: none
    std::int64_t first_main;
    std::unordered_map<Slot, std::int64_t> far_main;
    std::unordered_map<Slot, std::int64_t> wide_sub;
    std::unordered_map<Slot, std::int64_t> wide_prev;

    [[nodiscard]] std::int64_t main(Slot i) const {
        return main_offset[i] != k_far ? first_main + main_offset[i] : far_main.at(i);
    }

    Block() noexcept : count(0), first_main(0) {}  // NOLINT: the columns stay uninitialised on purpose
};

struct TreeIndex::Key {
    const char* data;
    std::uint32_t size;
    std::uint32_t rows;   // stored rows, indexed or not
    std::uint32_t begin;  // in order_
    std::uint32_t end;
    std::int64_t created;  // of the first put
    std::int64_t version;  // of the first put; 0: none seen
    std::uint32_t created_sub;
    std::uint16_t first_segment;  // that held the first put
    std::uint8_t last_version;    // lowest byte, while rows are put in their places
};

struct TreeIndex::Segment {
    std::vector<std::unique_ptr<Block>> blocks;
    Revision first;
    Revision last;
    bool empty = true;
    bool ordered = true;
};

// Distinct keys: their bytes in an arena, their records in chunks, found through an open-addressing table of
// (hash bits, id) pairs.
struct TreeIndex::Keys {
    static constexpr std::size_t k_chunk_bits = sizes::k_key_chunk_bits;
    static constexpr std::size_t k_chunk = std::size_t{1} << k_chunk_bits;
    static constexpr std::size_t k_arena = sizes::k_arena_bytes;
    struct Entry {
        std::uint32_t tag;
        KeyId id;
    };

    std::mutex mutex;
    std::vector<std::unique_ptr<Key[]>> chunks;  // NOLINT: fixed-size chunks, never resized
    std::size_t count = 0;
    std::vector<std::unique_ptr<char[]>> arena;  // NOLINT
    char* free = nullptr;
    std::size_t free_bytes = 0;
    std::vector<Entry> table = std::vector<Entry>(sizes::k_table_entries, Entry{0, k_no_key});

    Key& at(KeyId id) noexcept { return chunks[id >> k_chunk_bits][id & (k_chunk - 1)]; }

    static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32);
    }

    const char* keep(std::string_view key) {
        if (key.size() > free_bytes) {
            const std::size_t n = std::max(k_arena, key.size());
            arena.push_back(std::make_unique_for_overwrite<char[]>(n));  // NOLINT
            free = arena.back().get();
            free_bytes = n;
        }
        char* const p = free;
        if (!key.empty()) std::memcpy(p, key.data(), key.size());
        free += key.size();
        free_bytes -= key.size();
        return p;
    }

    void reserve_table(std::size_t more) {
        std::size_t size = table.size();
        while ((count + more) * 4 > size * 3) size *= 2;
        if (size == table.size()) return;
        std::vector<Entry> grown(size, Entry{0, k_no_key});
        for (const Entry& e : table) {
            if (e.id == k_no_key) continue;
            const Key& k = at(e.id);
            std::size_t i = hash_key({k.data, k.size}) & (size - 1);
            while (grown[i].id != k_no_key) i = (i + 1) & (size - 1);
            grown[i] = e;
        }
        table.swap(grown);
    }

    // The id of a key, or k_no_key.
    KeyId find(std::string_view key, std::uint64_t hash) noexcept {
        const std::size_t mask = table.size() - 1;
        for (std::size_t i = hash & mask; table[i].id != k_no_key; i = (i + 1) & mask) {
            if (table[i].tag != tag_of(hash)) continue;
            const Key& k = at(table[i].id);
            if (std::string_view(k.data, k.size) == key) return table[i].id;
        }
        return k_no_key;
    }

    KeyId insert(std::string_view key, std::uint64_t hash) {
        if (const KeyId known = find(key, hash); known != k_no_key) return known;
        if (count >= k_gap_key) throw Error(ErrorKind::refused, "more than 4294967293 distinct keys");
        const auto id = static_cast<KeyId>(count);
        if (id >> k_chunk_bits == chunks.size())
            chunks.push_back(std::make_unique_for_overwrite<Key[]>(k_chunk));  // NOLINT
        at(id) = {.data = keep(key),
                  .size = static_cast<std::uint32_t>(key.size()),
                  .rows = 0,
                  .begin = 0,
                  .end = 0,
                  .created = 0,
                  .version = 0,
                  .created_sub = 0,
                  .first_segment = std::numeric_limits<std::uint16_t>::max(),
                  .last_version = 0};
        ++count;
        const std::size_t mask = table.size() - 1;
        std::size_t i = hash & mask;
        while (table[i].id != k_no_key) i = (i + 1) & mask;
        table[i] = {tag_of(hash), id};
        return id;
    }
};

TreeIndex::TreeIndex(CompactionRules rules, bool with_prev_revision)
    : rules_(rules), with_prev_(with_prev_revision), keys_(std::make_unique<Keys>()) {}
TreeIndex::~TreeIndex() = default;
TreeIndex::TreeIndex(TreeIndex&&) noexcept = default;
TreeIndex& TreeIndex::operator=(TreeIndex&&) noexcept = default;

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
    if (s.blocks.empty() || s.blocks.back()->count == k_block_size) {
        s.blocks.push_back(std::make_unique<Block>());
        if (with_prev_)
            s.blocks.back()->prev = std::make_unique_for_overwrite<std::array<std::uint32_t, k_block_size>>();
    }
    Block& b = *s.blocks.back();
    const Slot i = b.count++;
    const bool wide = row.sub < 0 || row.sub >= static_cast<std::int64_t>(k_wide_sub);
    if (i == 0) b.first_main = row.main;
    const auto offset = static_cast<std::uint64_t>(row.main) - static_cast<std::uint64_t>(b.first_main);
    b.main_offset[i] = offset < k_far ? static_cast<std::uint32_t>(offset) : k_far;
    if (offset >= k_far) b.far_main.emplace(i, row.main);
    b.key[i] = id;
    b.sub[i] = (wide ? k_wide_sub : static_cast<std::uint32_t>(row.sub)) | (row.tombstone ? k_tombstone : 0U);
    b.bytes[i] = row.bytes;
    b.overhead[i] = row.overhead;
    b.version[i] = static_cast<std::uint8_t>(row.version);
    if (wide) b.wide_sub.emplace(i, row.sub);
    if (with_prev_) {
        const bool none = row.prev_revision == 0;
        const bool near = row.prev_revision > 0 && row.prev_revision < row.main &&
                          row.main - row.prev_revision < static_cast<std::int64_t>(k_wide_prev);
        (*b.prev)[i] = none   ? 0
                       : near ? static_cast<std::uint32_t>(row.main - row.prev_revision)
                              : k_wide_prev;
        if (!none && !near) b.wide_prev.emplace(i, row.prev_revision);
    }
    ++total_.revisions;
    total_.bytes += row.bytes;
    if (id == k_gap_key) ++total_.gaps;
    if (id >= k_gap_key) return;
    if (row.tombstone) ++total_.tombstones;
    Key& k = keys_->at(id);
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
    const std::lock_guard lock(keys_->mutex);
    Keys& keys = *keys_;
    keys.reserve_table(batch.rows_.size());
    const std::size_t mask = keys.table.size() - 1;
    const std::vector<RowBatch::Row>& rows = batch.rows_;
    for (std::size_t i = 0; i < std::min(k_group, rows.size()); ++i)
        prefetch(&keys.table[rows[i].hash & mask]);
    for (std::size_t begin = 0; begin < rows.size(); begin += k_group) {
        const std::size_t end = std::min(begin + k_group, rows.size());
        for (std::size_t i = end; i < std::min(end + k_group, rows.size()); ++i) {
            prefetch(&keys.table[rows[i].hash & mask]);
        }
        for (std::size_t i = begin; i < end; ++i) {
            const Keys::Entry& e = keys.table[rows[i].hash & mask];
            if (e.id != k_no_key) prefetch(&keys.at(e.id));
        }
        for (std::size_t i = begin; i < end; ++i) {
            const Keys::Entry& e = keys.table[rows[i].hash & mask];
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
    // Views outlive this call only through blocks_; the segment keeps ownership while more rows may come.
    blocks_ = std::move(segments_.front().blocks);
    segments_.front().blocks.clear();
    return place_by_key();
}

// Two counting passes: offsets a key, then each row's slot to its key's place, with etcd's restore rules on
// the way.
bool TreeIndex::place_by_key() {
    Keys& keys = *keys_;
    std::uint32_t at = 0;
    for (KeyId id = 0; id < keys.count; ++id) {
        Key& k = keys.at(id);
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
            Key& k = keys.at(b.key[i]);
            const bool dead = (b.sub[i] & k_tombstone) != 0;
            const bool exists = k.end > k.begin;
            const bool open = exists && (order_[k.end - 1] & 1U) == 0;
            const bool restored = !exists && rules_.restore_orphan_tombstone;
            if (!rules_.sees(b.main(i)) || (dead && !open && !restored)) {
                b.sub[i] |= k_unindexed;
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
    for (KeyId id = 0; id < keys.count; ++id) {
        const Key& k = keys.at(id);
        if (k.end == k.begin || id == marker_key_) continue;
        ++total_.keys;
        if ((order_[k.end - 1] & 1U) == 0) ++live_keys_;
    }
    return true;
}

// No client can put the empty key, and a put's version is never 0.
KeyId TreeIndex::find_marker_key() const {
    const KeyId empty = rules_.kine() ? k_no_key : keys_->find("", hash_key(""));
    if (empty == k_no_key) return k_no_key;
    const Key& k = keys_->at(empty);
    const bool has_put = k.first_segment != std::numeric_limits<std::uint16_t>::max();
    return has_put && k.version == 0 && k.created == 0 ? empty : k_no_key;
}

KeyId TreeIndex::append_one(std::string_view key, Revision revision, bool tombstone, std::int64_t version) {
    if (segments_.empty()) segments_.resize(1);
    segments_.front().blocks = std::move(blocks_);
    keys_->reserve_table(1);
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
    Key& k = keys_->at(append_one(key, revision, false, version));
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
    Key& k = keys_->at(append_one(key, modified, false, ver));
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

std::size_t TreeIndex::key_count() const noexcept {
    return keys_->count;
}

std::string_view TreeIndex::key(KeyId id) const noexcept {
    const Key& k = keys_->at(id);
    return {k.data, k.size};
}

std::uint32_t TreeIndex::row_count(KeyId id) const noexcept {
    return keys_->at(id).rows;
}

TreeIndex::Columns TreeIndex::columns(Slot from, Slot count) const noexcept {
    const Block& b = block(from);
    const Slot i = from & k_in_block;
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
    const Key& k = keys_->at(id);
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
    for (KeyId id = 0; id < keys_->count; ++id) {
        const Key& k = keys_->at(id);
        const std::string_view name(k.data, k.size);
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
    const Block& b = block(slot);
    const Slot i = slot & k_in_block;
    const std::uint32_t sub = b.sub[i] & k_sub_mask;
    return {b.main(i), sub == k_wide_sub ? b.wide_sub.at(i) : static_cast<std::int64_t>(sub)};
}

bool TreeIndex::is_tombstone(Slot slot) const {
    return (block(slot).sub[slot & k_in_block] & k_tombstone) != 0;
}
bool TreeIndex::is_indexed(Slot slot) const {
    return key_of(slot) < k_gap_key && (block(slot).sub[slot & k_in_block] & k_unindexed) == 0;
}
KeyId TreeIndex::key_of(Slot slot) const {
    return block(slot).key[slot & k_in_block];
}
std::uint32_t TreeIndex::bytes_of(Slot slot) const {
    return block(slot).bytes[slot & k_in_block];
}
std::uint32_t TreeIndex::overhead_of(Slot slot) const {
    return block(slot).overhead[slot & k_in_block];
}

std::int64_t TreeIndex::prev_revision_of(Slot slot) const {
    const Block& b = block(slot);
    const Slot i = slot & k_in_block;
    if (!b.prev || (*b.prev)[i] == 0) return 0;
    return (*b.prev)[i] == k_wide_prev ? b.wide_prev.at(i)
                                       : b.main(i) - static_cast<std::int64_t>((*b.prev)[i]);
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
        if ((s & k_in_block) >= block(s).count) {
            s |= k_in_block;  // the rest of a block that is not full
            continue;
        }
        const Revision r = this->revision(s);
        if (r == revision) return s;
        if (r > revision) break;
    }
    return k_no_slot;
}

}  // namespace kvctl::mvcc
