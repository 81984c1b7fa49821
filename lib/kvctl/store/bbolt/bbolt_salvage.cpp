#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/bbolt/salvage.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/salvage.hpp"

namespace kvctl::store {
namespace {

using Row = std::pair<std::string_view, std::string_view>;  // row key and message, in the file

// Key and message agree: both say the same revision, a tombstone's says nothing but its key.
std::optional<mvcc::Record> sound(const Row& row) {
    const auto at = mvcc::decode_revision(row.first);
    mvcc::KeyValue kv;
    if (!at || !mvcc::decode_key_value(row.second, kv)) return std::nullopt;
    mvcc::Record r;
    r.revision = at->revision;
    r.tombstone = at->tombstone;
    r.key = kv.key;
    r.create_revision = kv.create_revision;
    r.version = kv.version;
    r.lease = kv.lease;
    r.value = kv.value;
    const bool empty = kv.create_revision == 0 && kv.mod_revision == 0 && kv.version == 0 && kv.value.empty();
    if (at->tombstone ? empty && !kv.key.empty() : row.second.empty() || kv.mod_revision == at->revision.main)
        return r;
    return std::nullopt;
}

std::optional<std::int64_t> main_of(std::string_view row_key) {
    const auto at = mvcc::decode_revision(row_key);
    return at ? std::optional(at->revision.main) : std::nullopt;
}

LostRange range_of(const bbolt::KeyRange& keys) {
    LostRange lost{main_of(keys.low), std::nullopt, {}};
    if (keys.high) {
        const auto at = mvcc::decode_revision(*keys.high);
        // What is lost lies below the next key: under its main only when that is not the first of its main.
        if (at) lost.to = at->revision.sub > 0 ? at->revision.main : at->revision.main - 1;
    }
    return lost;
}

std::optional<bbolt::Bucket> bucket_of(const bbolt::File& file, const char* name) {
    std::optional<bbolt::Bucket> found;
    // By a walk that goes on past damage: the root may have several pages.
    FindingLog log;
    bbolt::Cursor cursor(file, file.root(), &log);
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if (cursor.key() != name || !cursor.is_bucket()) continue;
        try {
            found = file.decode_bucket(cursor.value(), cursor.page());
        } catch (const bbolt::PageError&) {
            return std::nullopt;
        }
    }
    return found;
}

// The compact revision, and what else of the small buckets can be had.
std::optional<std::int64_t> take_meta(const bbolt::File& file, Target& target, Salvaged& result) {
    std::optional<std::int64_t> compacted;
    const auto bucket = bucket_of(file, "meta");
    bool whole = bucket.has_value();
    if (bucket) {
        bbolt::salvage(
            file, *bucket,
            [&](std::string_view key, std::string_view value) {
                const auto at = mvcc::decode_revision(value);
                if (!at || (key != "finishedCompactRev" && key != "scheduledCompactRev")) return;
                if (key == "finishedCompactRev") compacted = at->revision.main;
                target.set_meta(
                    key == "finishedCompactRev" ? "finished_compact_rev" : "scheduled_compact_rev",
                    at->revision.main);
            },
            [&](const bbolt::KeyRange&) { whole = false; });
    }
    if (!whole)
        result.warnings.emplace_back("bucket meta could not be read: the compact revision may be missing");
    return compacted;
}

void take_leases(const bbolt::File& file, Target& target, Salvaged& result) {
    const auto bucket = bucket_of(file, "lease");
    bool whole = bucket.has_value();
    if (bucket) {
        bbolt::salvage(
            file, *bucket,
            [&](std::string_view key, std::string_view value) {
                if (const auto lease = decode_lease(key, value)) {
                    target.add(*lease);
                } else {
                    whole = false;
                }
            },
            [&](const bbolt::KeyRange&) { whole = false; });
    }
    if (!whole) result.warnings.emplace_back("bucket lease could not be read whole: leases may be missing");
}

// Without the bucket that leads to them.
std::vector<Row> rows_of_leaves(const bbolt::File& file) {
    std::vector<Row> rows;
    bbolt::salvage_leaves(file, [&](std::string_view key, std::string_view value) {
        const Row row{key, value};
        if (sound(row)) rows.push_back(row);
    });
    return rows;
}

}  // namespace

Salvaged salvage_bbolt(const std::string& path, const std::string& file_path, Target& target,
                       Progress* progress) {
    Salvaged result;
    const bbolt::File file(file_path, bbolt::File::Lock::shared, path, bbolt::File::Length::any);
    const std::int64_t compacted = take_meta(file, target, result).value_or(0);
    take_leases(file, target, result);
    const auto bucket = bucket_of(file, "key");
    std::vector<Row> rows;
    if (bucket) {
        bbolt::salvage(
            file, *bucket,
            [&](std::string_view key, std::string_view value) { rows.emplace_back(key, value); },
            [&](const bbolt::KeyRange& range) { result.lost.push_back(range_of(range)); });
    } else {
        rows = rows_of_leaves(file);
        if (rows.empty()) {
            throw Error(ErrorKind::damaged,
                        path + ": the bucket \"key\" cannot be found: its rows are not to be had");
        }
        result.lost.emplace_back();
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.first < b.first; });
    IncompleteKeys incomplete;
    std::map<std::string, std::int64_t, std::less<>> versions;  // of live keys
    std::optional<mvcc::Revision> before;
    for (const Row& row : rows) {
        const auto r = sound(row);
        if (!r || (before && r->revision <= *before)) {
            const auto main = main_of(row.first);
            result.lost.push_back({main, main, {}});
            continue;
        }
        before = r->revision;
        if ((++result.revisions & 0xFFF) == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("copying", result.revisions, rows.size());
        }
        // A put of a version above one says that another of its key stood before it.
        const auto version = versions.find(r->key);
        const std::int64_t known = version == versions.end() ? 0 : version->second;
        std::optional<std::int64_t> expects;
        if (!r->tombstone && r->version != known + 1 && r->create_revision > compacted)
            expects = r->create_revision;
        incomplete.add(r->key, r->revision.main, expects);
        if (r->tombstone) {
            if (version != versions.end()) versions.erase(version);
            ++result.tombstones;
        } else {
            versions.insert_or_assign(std::string(r->key), r->version);
        }
        result.bytes += r->key.size() + r->value.size();
        target.add(*r);
    }
    file.check_readable();
    incomplete.attach(result.lost);
    return result;
}

}  // namespace kvctl::store
