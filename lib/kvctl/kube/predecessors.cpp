#include "kvctl/kube/predecessors.hpp"

#include "kvctl/mvcc/rows.hpp"

namespace kvctl::kube {

std::string_view Predecessors::key(std::uint32_t id) const noexcept {
    return std::string_view(text_).substr(keys_[id].at, keys_[id].size);
}

void Predecessors::grow() {
    std::vector<std::uint32_t> wider(table_.empty() ? 1024 : table_.size() * 2, 0);
    const std::size_t mask = wider.size() - 1;
    for (std::uint32_t id = 0; id < keys_.size(); ++id) {
        std::size_t at = mvcc::hash_key(key(id)) & mask;
        while (wider[at] != 0) at = (at + 1) & mask;
        wider[at] = id + 1;
    }
    table_ = std::move(wider);
}

std::uint32_t Predecessors::find_or_add(std::string_view wanted, bool& added) {
    if (keys_.size() * 2 >= table_.size()) grow();
    const std::size_t mask = table_.size() - 1;
    std::size_t at = mvcc::hash_key(wanted) & mask;
    for (; table_[at] != 0; at = (at + 1) & mask) {
        if (key(table_[at] - 1) == wanted) return table_[at] - 1;
    }
    added = true;
    Key k;
    k.at = text_.size();
    k.size = static_cast<std::uint32_t>(wanted.size());
    text_ += wanted;
    keys_.push_back(std::move(k));
    table_[at] = static_cast<std::uint32_t>(keys_.size());
    return table_[at] - 1;
}

// Drops the values of keys that were not written since the hand came by last.
void Predecessors::forget_some() {
    while (cached_bytes_ > cache_bytes_ && !ring_.empty()) {
        if (hand_ >= ring_.size()) hand_ = 0;
        Key& k = keys_[ring_[hand_]];
        if (k.cached && k.recent) {
            k.recent = false;
            ++hand_;
            continue;
        }
        cached_bytes_ -= k.value.capacity();
        std::string().swap(k.value);
        k.cached = k.in_ring = false;
        ring_[hand_] = ring_.back();
        ring_.pop_back();
    }
}

void Predecessors::cache(std::uint32_t id, std::string_view value) {
    Key& k = keys_[id];
    const std::size_t had = k.value.capacity();
    k.value.assign(value);
    cached_bytes_ += k.value.capacity() - had;
    if (!k.in_ring) ring_.push_back(id);
    k.cached = k.in_ring = k.recent = true;
    if (cached_bytes_ > cache_bytes_) forget_some();
}

Predecessors::Before Predecessors::step(const mvcc::Record& record, bool value_wanted, bool keep) {
    bool added = false;
    Before before;
    before.key = find_or_add(record.key, added);
    Key& k = keys_[before.key];
    before.seen = !added;
    before.tombstone = k.tombstone;
    before.revision = k.last;
    if (before.seen && !k.tombstone && value_wanted) {
        if (k.cached) {
            // The buffers change places; each is counted where it is.
            cached_bytes_ -= k.value.capacity();
            before_.swap(k.value);
            cached_bytes_ += k.value.capacity();
            before.value = before_;
        } else if (auto fetched = fetch_(k.last)) {
            before_ = std::move(*fetched);
            before.value = before_;
        }
    }
    k.last = record.revision;
    k.tombstone = record.tombstone;
    k.cached = false;
    if (keep && !record.tombstone && record.value.size() <= cache_bytes_ / 4) cache(before.key, record.value);
    return before;
}

}  // namespace kvctl::kube
