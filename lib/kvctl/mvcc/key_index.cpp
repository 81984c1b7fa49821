#include "kvctl/mvcc/key_index.hpp"

#include <algorithm>

#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

Revision Generation::revision(std::size_t position) const {
    return tree_->revision(slot(position));
}

std::string_view KeyIndex::key() const {
    return tree_->key(id_);
}

Revision KeyIndex::modified() const {
    return modified_ == k_no_slot ? Revision{} : tree_->revision(modified_);
}

// One past the tombstone that ends the generation starting at `begin`; the end of all when it is open.
std::size_t KeyIndex::generation_end(std::size_t begin) const noexcept {
    for (std::size_t i = begin; i < entries_.size(); ++i) {
        if ((entries_[i] & 1U) != 0) return i + 1;
    }
    return entries_.size();
}

std::vector<Generation> KeyIndex::generations() const {
    std::vector<Generation> result;
    std::size_t begin = 0;
    bool closed = true;
    while (begin < entries_.size()) {
        const std::size_t end = generation_end(begin);
        const std::int64_t before = begin == 0 ? ver_before_ : 0;
        result.emplace_back(*tree_, entries_.subspan(begin, end - begin),
                            begin == 0 ? created_ : tree_->revision(slot(begin)),
                            before + static_cast<std::int64_t>(end - begin));
        closed = result.back().closed();
        begin = end;
    }
    if (closed) result.emplace_back(*tree_, std::span<const std::uint32_t>{}, Revision{}, 0);
    return result;
}

std::optional<Generation> KeyIndex::find_generation(MainRevision at) const {
    const std::vector<Generation> all = generations();
    const Slot above = tree_->upper_bound(at);
    for (std::size_t i = all.size(); i-- > 0;) {
        const Generation& g = all[i];
        if (g.empty()) continue;
        if (i + 1 != all.size() && g.slot(g.size() - 1) < above) return std::nullopt;
        if (g.slot(0) < above) return g;
    }
    return std::nullopt;
}

std::optional<KeyIndex::Found> KeyIndex::get(MainRevision at) const {
    const std::optional<Generation> g = find_generation(at);
    if (!g) return std::nullopt;
    const Slot above = tree_->upper_bound(at);
    const auto n = g->walk([&](Slot s) { return s >= above; });
    if (!n) return std::nullopt;
    return Found{g->revision(*n), g->created(), g->ver() - static_cast<std::int64_t>(g->size() - *n - 1),
                 g->slot(*n)};
}

std::vector<Revision> KeyIndex::since(MainRevision from) const {
    const std::vector<Generation> all = generations();
    const Revision start{from.value(), 0};
    std::size_t first = all.size() - 1;
    while (first > 0 && (all[first].empty() || all[first].created() >= start)) --first;
    std::vector<Revision> result;
    for (std::size_t i = first; i < all.size(); ++i) {
        for (std::size_t k = 0; k < all[i].size(); ++k) {
            const Revision r = all[i].revision(k);
            if (r < start) continue;
            if (!result.empty() && result.back().main == r.main) {
                result.back() = r;
            } else {
                result.push_back(r);
            }
        }
    }
    return result;
}

// Chooses the generation that a reader at the bound is in, and its newest revision at or below the bound.
KeyIndex::Choice KeyIndex::choose(CompactionBound bound) const {
    // A closed generation is over for such a reader once its tombstone lies at or below the bound
    // (keep-at-rev: below).
    const Slot over = bound.rule == CompactionRules::Tombstones::keep_at_rev ? bound.at : bound.slot_end;
    Choice c;
    c.end = generation_end(0);
    while (c.end > c.begin && tombstone(c.end - 1) && slot(c.end - 1) < over) {
        c.begin = c.end;
        c.end = generation_end(c.begin);
    }
    const Generation g(*tree_, entries_.subspan(c.begin, c.end - c.begin), {}, 0);
    const auto n = g.walk([&](Slot s) { return s >= bound.slot_end; });
    c.found = n.has_value();
    c.position = c.begin + n.value_or(0);
    return c;
}

Slot KeyIndex::compact(CompactionBound bound) {
    Choice c = choose(bound);
    Slot available = k_no_slot;
    std::size_t first = c.begin;
    if (c.begin > 0) {
        created_ = c.begin < entries_.size() ? tree_->revision(slot(c.begin)) : Revision{};
        ver_before_ = 0;
    }
    if (c.found) {
        first = c.position;
        available = slot(c.position);
        ver_before_ += static_cast<std::int64_t>(c.position - c.begin);
    }
    // etcd's classic rule drops a closed generation of one revision from the index even where its row stays.
    if (bound.rule == CompactionRules::Tombstones::classic && c.end == first + 1 && tombstone(first)) {
        available = k_no_slot;
        first = c.end;
        created_ = first < entries_.size() ? tree_->revision(slot(first)) : Revision{};
        ver_before_ = 0;
    }
    entries_ = entries_.subspan(first);
    return available;
}

Slot KeyIndex::keep(CompactionBound bound) const {
    const Choice c = choose(bound);
    return c.found && !tombstone(c.position) ? slot(c.position) : k_no_slot;
}

}  // namespace kvctl::mvcc
