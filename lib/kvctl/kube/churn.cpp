#include "kvctl/kube/churn.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "kvctl/kube/writer.hpp"

namespace kvctl::kube {
std::uint32_t Churn::row_named(std::string_view name, std::string_view group) {
    if (last_row_ != k_none && rows_[last_row_].row.name == name && rows_[last_row_].group == group)
        return last_row_;
    name_.assign(name);
    if (!group.empty()) name_.append(1, '\0').append(group);
    const auto [found, added] = by_name_.try_emplace(name_, static_cast<std::uint32_t>(rows_.size()));
    if (added) {
        rows_.emplace_back();
        rows_.back().row.name = name;
        rows_.back().group = group;
    }
    return last_row_ = found->second;
}

// What deletes an object is written nowhere; its kind and the like are those of its newest put.
std::uint32_t Churn::row_of(const mvcc::Record& record, std::uint32_t key, const Object* before) {
    if (by_ == By::key) return row_named(record.key, {});
    if (by_ == By::manager) {
        if (record.tombstone || !after_.is_object) return row_named(k_unknown_writer, {});
        return row_named(writer_of(before, after_, std::span(changed_).first(changed_count_)), {});
    }
    KeyState& state = keys_[key];
    if (state.last != k_none && (state.sure || record.tombstone)) return state.last;
    const Object& object = record.tombstone && before != nullptr ? *before : after_;
    const Grouped g = group_of(by_, record.key, object);
    state.sure = object.is_object;
    return state.last = row_named(g.name, g.group);
}

void Churn::add(const mvcc::Record& record, const Predecessors::Before& before) {
    const MainRevision main(record.revision.main);
    if (before.key == keys_.size()) keys_.emplace_back();
    after_.read(record.tombstone ? std::string_view() : record.value);
    if (!record.tombstone) sampler_.add(main, before.key, after_, before.created(record));
    if (!counts(record)) return;
    const Object* old = nullptr;
    if (before.value) {
        before_.read(*before.value);
        old = &before_;
    }
    changed_count_ = 0;
    std::optional<Verdict> verdict;
    if (!record.tombstone && old != nullptr) {
        verdict = comparer_.compare(before_, after_, [this](const Change& c) {
            if (c.path.empty() || changed_count_ == k_most_paths) return;
            const auto end = changed_.begin() + static_cast<std::ptrdiff_t>(changed_count_);
            if (std::find(changed_.begin(), end, c.path) == end) changed_[changed_count_++].assign(c.path);
        });
    }
    count(record, before.key, row_of(record, before.key, old), verdict);
    count_fields();
}

void Churn::count(const mvcc::Record& record, std::uint32_t key, std::uint32_t row,
                  std::optional<Verdict> verdict) {
    KeyState& state = keys_[key];
    const bool new_key = state.row == k_none;
    if (new_key) state.row = row;
    const bool new_in_row =
        new_key || (state.row != row && more_keys_.insert(std::uint64_t{row} << 32 | key).second);
    rows_[row].row.keys += new_in_row ? 1 : 0;
    total_.keys += new_key ? 1 : 0;
    for (ChurnRow* r : {&rows_[row].row, &total_}) {
        ++r->writes;
        r->bytes += record.size();
        r->no_ops += verdict == Verdict::no_op ? 1 : 0;
        r->heartbeats += verdict == Verdict::heartbeat ? 1 : 0;
    }
    if (total_.writes == 1) first_ = MainRevision(record.revision.main);
    last_ = MainRevision(record.revision.main);
}

void Churn::count_fields() {
    for (std::size_t i = 0; i < changed_count_; ++i) ++fields_[changed_[i]];
    if (fields_.size() <= k_most_fields) return;
    // The rarer half goes.
    fields_dropped_ = true;
    std::vector<std::uint64_t> counts;
    for (const auto& [path, writes] : fields_) counts.push_back(writes);
    const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
    std::nth_element(counts.begin(), middle, counts.end());
    std::erase_if(fields_, [&](const auto& f) { return f.second <= *middle; });
}

std::vector<ChurnRow> Churn::rows() const {
    // A kind says its group where there are several of that name.
    std::map<std::string, int> kinds;
    for (const Counted& c : rows_) ++kinds[c.row.name];
    std::vector<ChurnRow> rows;
    for (const Counted& c : rows_) {
        rows.push_back(c.row);
        if (kinds[c.row.name] > 1 && !c.group.empty()) rows.back().name += "." + c.group;
    }
    std::sort(rows.begin(), rows.end(), [](const ChurnRow& a, const ChurnRow& b) {
        return a.writes != b.writes ? a.writes > b.writes : a.name < b.name;
    });
    return rows;
}

std::vector<ChurnField> Churn::fields(std::size_t most) const {
    std::vector<ChurnField> fields;
    for (const auto& [path, writes] : fields_) fields.push_back({path, writes});
    std::sort(fields.begin(), fields.end(), [](const ChurnField& a, const ChurnField& b) {
        return a.writes != b.writes ? a.writes > b.writes : a.path < b.path;
    });
    if (fields.size() > most) fields.resize(most);
    return fields;
}

}  // namespace kvctl::kube
