#include "tests/support/index_builder.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace kvctl::test {
namespace {

mvcc::IndexRow index_row(const naive::Row& r) {
    mvcc::IndexRow row;
    row.revision = r.revision;
    row.tombstone = r.tombstone;
    row.key = r.key;
    row.create_revision = r.create_revision;
    row.version = r.version;
    row.bytes = r.key.size() + r.value.size();
    return row;
}

std::string line_of(const mvcc::KeyIndex& key) {
    naive::KeyIndex plain;
    plain.key = key.key();
    plain.modified = key.modified();
    for (const mvcc::Generation& g : key.generations()) {
        naive::Generation copy{g.ver(), g.created(), {}};
        for (std::size_t i = 0; i < g.size(); ++i) copy.revs.push_back(g.revision(i));
        plain.generations.push_back(std::move(copy));
    }
    return naive::index_line(plain);
}

template <class Revisions>
std::string joined(const Revisions& revisions) {
    std::ostringstream out;
    const char* space = "";
    for (const mvcc::Revision r : revisions) {
        out << space << r;
        space = " ";
    }
    return out.str();
}

}  // namespace

mvcc::TreeIndex index_of(const std::vector<naive::Row>& rows, const mvcc::CompactionRules& rules,
                         std::size_t segments) {
    mvcc::TreeIndex index(rules);
    index.add_segments(segments);
    mvcc::RowBatch batch;
    for (std::size_t s = 0; s < segments; ++s) {
        const std::size_t end = rows.size() * (s + 1) / segments;
        for (std::size_t i = rows.size() * s / segments; i < end; ++i) {
            if (!batch.push(index_row(rows[i]))) index.add(s, batch);
        }
        index.add(s, batch);
    }
    if (!index.seal()) throw std::logic_error("the test's rows are not in order");
    return index;
}

mvcc::TreeIndex live_index_of(const std::vector<naive::Row>& rows, const mvcc::CompactionRules& rules) {
    mvcc::TreeIndex index(rules);
    for (const naive::Row& r : rows) {
        if (r.tombstone) {
            index.tombstone(r.key, r.revision);
        } else {
            index.put(r.key, r.revision);
        }
    }
    return index;
}

std::string index_line(const mvcc::KeyIndex& key) {
    return line_of(key);
}

std::string index_text(const mvcc::TreeIndex& index) {
    std::string text;
    for (const mvcc::KeyId id : index.sorted_keys()) text += line_of(index.key_index(id)) + "\n";
    return text;
}

std::string index_text_after(const mvcc::TreeIndex& index, std::int64_t at) {
    const mvcc::CompactionBound bound = index.bound(MainRevision(at));
    std::string text;
    for (const mvcc::KeyId id : index.sorted_keys()) {
        mvcc::KeyIndex key = index.key_index(id);
        key.compact(bound);
        if (!key.empty()) text += line_of(key) + "\n";
    }
    return text;
}

std::set<mvcc::Revision> revisions_of(const mvcc::TreeIndex& index, const mvcc::SlotSet& slots) {
    std::set<mvcc::Revision> all;
    index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
        if (slots.contains(s)) all.insert(index.revision(s));
    });
    return all;
}

std::vector<mvcc::Revision> removed_by(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    std::vector<mvcc::Revision> all;
    index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
        if (plan.removed_slots.contains(s)) all.push_back(index.revision(s));
    });
    return all;
}

std::string text_of(const std::vector<mvcc::Revision>& revisions) {
    return joined(revisions);
}
std::string text_of(const std::set<mvcc::Revision>& revisions) {
    return joined(revisions);
}

mvcc::CompactionRules rules_like(const naive::Rules& rules) {
    return {rules.keep_at_rev ? mvcc::CompactionRules::Tombstones::keep_at_rev
                              : mvcc::CompactionRules::Tombstones::classic,
            rules.restore_orphan_tombstone, rules.hash_at_compact_rev, rules.hash_skip_tombstone};
}

}  // namespace kvctl::test
