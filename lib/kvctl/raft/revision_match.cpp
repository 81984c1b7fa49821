#include "kvctl/raft/revision_match.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace kvctl::raft {
namespace {

bool in_range(std::string_view key, std::string_view from, std::string_view end) noexcept {
    if (end.empty()) return key == from;
    return key >= from && (end == std::string_view("\0", 1) || key < end);
}

}  // namespace

std::uint64_t hash_value(std::string_view value) noexcept {
    return std::hash<std::string_view>{}(value);
}

RevisionMatch::PutShape RevisionMatch::shape_of(const Put& put) {
    PutShape shape{std::string(put.key), put.lease, hash_value(put.value)};
    if (put.ignore_lease) shape.lease.reset();
    if (put.ignore_value) shape.value_hash.reset();
    return shape;
}

void RevisionMatch::add_nested(const std::vector<Op>& ops, Branch& out, bool top) {
    for (const Op& op : ops) {
        if (const auto* put = std::get_if<Put>(&op)) {
            out.puts.push_back(shape_of(*put));
            if (top) out.always.push_back(out.puts.back());
        } else if (const auto* range = std::get_if<DeleteRange>(&op)) {
            out.deletes.push_back({std::string(range->key), std::string(range->range_end)});
        } else if (const auto* txn = std::get_if<std::unique_ptr<Txn>>(&op)) {
            add_nested((*txn)->success, out, false);
            add_nested((*txn)->failure, out, false);
        }
    }
}

RevisionMatch::Branch RevisionMatch::shape_of(const std::vector<Op>& ops) {
    Branch branch;
    add_nested(ops, branch, true);
    return branch;
}

void RevisionMatch::add_entry(const EntryView& entry) {
    Shape shape;
    shape.index = entry.index;
    const Request request = decode_request(entry);
    if (const auto* put = std::get_if<Put>(&request.body)) {
        Branch branch;
        branch.always.push_back(shape_of(*put));
        branch.puts = branch.always;
        shape.branches.push_back(std::move(branch));
    } else if (const auto* range = std::get_if<DeleteRange>(&request.body)) {
        Branch branch;
        branch.deletes.push_back({std::string(range->key), std::string(range->range_end)});
        shape.branches.push_back(std::move(branch));
    } else if (const auto* txn = std::get_if<Txn>(&request.body)) {
        shape.branches.push_back(shape_of(txn->success));
        shape.branches.push_back(shape_of(txn->failure));
    } else if (std::holds_alternative<LeaseRevoke>(request.body)) {
        Branch branch;
        branch.any_tombstones = true;
        shape.branches.push_back(std::move(branch));
    } else if (const auto* compaction = std::get_if<Compaction>(&request.body)) {
        shape.compaction = compaction->revision;
    } else {
        return;
    }
    shapes_.push_back(std::move(shape));
}

bool RevisionMatch::fits(const Branch& branch, const std::vector<StoredChange>& rows) {
    const auto made_by = [](const StoredChange& row, const PutShape& put) {
        return !row.tombstone && row.key == put.key && (!put.lease || row.lease == *put.lease) &&
               (!put.value_hash || row.value_hash == *put.value_hash);
    };
    for (const StoredChange& row : rows) {
        const bool explained =
            row.tombstone
                ? branch.any_tombstones || std::any_of(branch.deletes.begin(), branch.deletes.end(),
                                                       [&](const RangeShape& range) {
                                                           return in_range(row.key, range.key, range.end);
                                                       })
                : std::any_of(branch.puts.begin(), branch.puts.end(),
                              [&](const PutShape& put) { return made_by(row, put); });
        if (!explained) return false;
    }
    return std::all_of(branch.always.begin(), branch.always.end(), [&](const PutShape& put) {
        return std::any_of(rows.begin(), rows.end(),
                           [&](const StoredChange& row) { return made_by(row, put); });
    });
}

bool RevisionMatch::could_make(const Shape& shape, std::int64_t revision) const {
    const auto rows = rows_.find(revision);
    if (rows == rows_.end()) return false;
    return std::any_of(shape.branches.begin(), shape.branches.end(),
                       [&](const Branch& branch) { return fits(branch, rows->second); });
}

void RevisionMatch::finish() {
    // Backwards, to learn at which entry the first revision above the compacted ones was made …
    std::int64_t next = current_.value();
    std::vector<std::optional<std::int64_t>> backwards(shapes_.size());
    std::size_t begin = shapes_.size();
    for (std::size_t i = shapes_.size(); i-- > 0 && next > compacted_.value();) {
        if (!could_make(shapes_[i], next)) continue;
        backwards[i] = next--;
        begin = i;
    }
    if (next > compacted_.value()) unexplained_ = MainRevision{next};
    // … then forwards from there, so that of equal requests the first gets the revision.
    std::int64_t last = next;
    for (std::size_t i = begin; i < shapes_.size(); ++i) {
        if (could_make(shapes_[i], last + 1)) shapes_[i].revision = ++last;
    }
    if (last != current_.value()) {
        for (std::size_t i = 0; i < shapes_.size(); ++i) shapes_[i].revision = backwards[i];
    }
    // A compaction beyond what was then the newest revision was refused.
    std::int64_t newest = next;
    for (const auto& shape : shapes_) {
        if (shape.revision) newest = *shape.revision;
        const auto asked = shape.compaction;
        if (asked && *asked <= newest && (!compacted_by_log_ || compacted_by_log_->value() < *asked)) {
            compacted_by_log_ = MainRevision{*asked};
        }
    }
    rows_.clear();
}

std::optional<MainRevision> RevisionMatch::revision_of(LogIndex index) const {
    const auto it = std::lower_bound(shapes_.begin(), shapes_.end(), index,
                                     [](const Shape& s, LogIndex i) { return s.index < i; });
    if (it == shapes_.end() || it->index != index || !it->revision) return std::nullopt;
    return MainRevision{*it->revision};
}

}  // namespace kvctl::raft
