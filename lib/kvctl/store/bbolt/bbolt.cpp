#include "kvctl/store/bbolt/bbolt.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "kvctl/base/command.hpp"
#include "kvctl/base/cores.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/helper_thread.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/locate.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

using Severity = Finding::Severity;

std::string resolved(const std::string& path) {
    std::array<char, PATH_MAX> real{};
    return ::realpath(path.c_str(), real.data()) == nullptr ? path : std::string(real.data());
}

// How a message names a row: its revision where the key has one, else the bytes of the key.
std::string row_name(std::string_view row_key) {
    if (const auto d = mvcc::decode_revision(row_key)) {
        std::ostringstream out;
        out << "revision " << d->revision;
        return out.str();
    }
    std::string text = "row key 0x";
    for (const char c : row_key.substr(0, 32)) {
        const auto b = static_cast<unsigned char>(c);
        text += {"0123456789abcdef"[b >> 4], "0123456789abcdef"[b & 15]};
    }
    return row_key.size() > 32 ? text + "..." : text;
}

std::optional<std::int64_t> row_main(std::string_view row_key) {
    const auto d = mvcc::decode_revision(row_key);
    return d ? std::optional(d->revision.main) : std::nullopt;
}

}  // namespace

BboltStore::BboltStore(const std::string& path, bbolt::File::Lock lock)
    : BboltStore(path, resolved(locate_store(path)), lock) {}

BboltStore::BboltStore(const std::string& path, const std::string& file, bbolt::File::Lock lock)
    : seen_(fingerprint(file)), file_(file, lock, locate_store(path)) {
    info_.path = path;
    info_.real_path = file;
    info_.layout = Layout::bbolt;
    info_.locked_for_life = true;
    info_.file_bytes = file_.file_bytes();
    info_.page_size = file_.page_size();
    info_.pages = file_.pages();
    info_.free_pages = file_.stored_free_pages().value_or(0);
    const auto rows = file_.bucket("key");
    if (!rows)
        throw Error(ErrorKind::not_a_store, file_.path() + ": is a bbolt file, but has no bucket \"key\"");
    rows_ = *rows;
}

bool BboltStore::changed() const {
    return file_.changed() || fingerprint(info_.real_path) != seen_;
}

const Traits& BboltStore::traits() const noexcept {
    static const Traits k_traits{.own_rules = {}, .versions = true, .etcd_log = true, .member = true};
    return k_traits;
}

LogPlace BboltStore::log_place() {
    const auto is_directory = [](const std::string& path) {
        struct stat st {};
        return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
    };
    if (!is_directory(info_.path)) return {.table = nullptr, .folder = {}, .wal = true};
    // The db of a data dir, whichever of its folders was named, or a folder above it.
    const std::string member = folder_of(folder_of(info_.real_path));
    const bool own = info_.real_path.ends_with("/member/snap/db") && is_directory(member + "/wal");
    const std::string folder = is_directory(info_.path + "/member/wal") ? info_.path : folder_of(member);
    return {.table = nullptr, .folder = own ? folder : std::string(), .wal = true};
}

// --- rows

std::optional<mvcc::Record> BboltStore::decode(std::string_view row_key, std::string_view value,
                                               std::string_view& fault) const {
    const auto at = mvcc::decode_revision(row_key);
    if (!at) {
        const bool negative = row_key.size() >= 17 && (static_cast<unsigned char>(row_key[0]) & 0x80) != 0;
        fault = negative ? "its revision is negative, as a restore with too large a --bump-revision makes it"
                         : "its key is no revision";
        return std::nullopt;
    }
    mvcc::KeyValue kv;
    if (!mvcc::decode_key_value(value, kv)) {
        fault = "its value is no KeyValue message";
        return std::nullopt;
    }
    mvcc::Record r;
    r.revision = at->revision;
    r.tombstone = at->tombstone;
    r.key = kv.key;
    r.stored = value;
    r.has_stored = true;
    if (!at->tombstone) {
        r.create_revision = kv.create_revision;
        r.version = kv.version;
        r.lease = kv.lease;
        r.value = kv.value;
        if (kv.mod_revision != at->revision.main && !value.empty())
            fault = "its value names another revision";
    }
    return r;
}

Error BboltStore::damaged(std::string_view row_key, std::string_view fault) const {
    file_.check_readable();  // zeros in place of a lost page are no damage
    return {ErrorKind::damaged, fmt::format("{}: {}: {} ({} names all such rows)", file_.path(),
                                            row_name(row_key), fault, command_on(file_.path(), "check"))};
}

namespace {

mvcc::IndexRow index_row(const mvcc::Record& r, std::size_t row_key_bytes) {
    const std::size_t bytes = r.key.size() + r.value.size();
    mvcc::IndexRow row;
    row.revision = r.revision;
    row.tombstone = r.tombstone;
    row.key = r.key;
    row.create_revision = r.create_revision;
    row.version = r.version;
    row.bytes = bytes;
    row.overhead = static_cast<std::uint32_t>(bbolt::k_element + row_key_bytes + r.stored.size() - bytes);
    return row;
}

// A key in the middle of a tree of some pages: the first one below a branch's element.
std::optional<std::string> middle_key(const bbolt::File& file, const bbolt::Bucket& bucket) {
    constexpr std::size_t k_enough = 16;
    if (bucket.root.value() == 0) return std::nullopt;
    std::vector<bbolt::Page::BranchElement> level{{{}, bucket.root}};
    for (std::size_t depth = 0; depth < bbolt::k_max_depth && level.size() < k_enough; ++depth) {
        std::vector<bbolt::Page::BranchElement> below;
        for (const bbolt::Page::BranchElement& parent : level) {
            const bbolt::Page page = file.page(parent.child);
            if (page.leaf()) return std::nullopt;
            bbolt::Page::BranchElement e;
            for (std::uint32_t i = 0; i < page.count() && page.branch_element(i, e); ++i) below.push_back(e);
        }
        level.swap(below);
    }
    return level.empty() ? std::nullopt : std::optional(std::string(level[level.size() / 2].key));
}

}  // namespace

// What one walk through bucket "key" came to.
struct BboltStore::RowWalk {
    bbolt::Cursor cursor;
    FindingLog log{};
    EtcdFacts::Bucket use{"key"};
};

// From where the cursor stands up to the first key at or above `end`; an empty one is above all.
void BboltStore::take_rows(RowWalk& walk, bool more, std::string_view end, mvcc::TreeIndex& index,
                           std::size_t segment, const std::function<void()>& now_and_then) const {
    constexpr std::uint64_t k_step = 1 << 16;
    bbolt::Cursor& cursor = walk.cursor;
    EtcdFacts::Bucket& use = walk.use;
    mvcc::RowBatch batch;
    for (; more && (end.empty() || cursor.key() < end); more = cursor.next()) {
        use.bytes += cursor.key().size() + cursor.value().size();
        if (++use.keys % k_step == 0) {
            check_interrupt();
            now_and_then();
        }
        std::string_view fault = cursor.is_bucket() ? "is a bucket" : "";
        std::optional<mvcc::Record> r;
        if (fault.empty()) r = decode(cursor.key(), cursor.value(), fault);
        if (!fault.empty()) {
            walk.log.add({Severity::error, r ? "mod-revision" : "malformed-row",
                          file_.path() + ": " + row_name(cursor.key()), std::string(fault),
                          row_main(cursor.key())});
        }
        if (r && !batch.push(index_row(*r, cursor.key().size()))) index.add(segment, batch);
    }
    index.add(segment, batch);
}

// Two threads, each one half of a sound tree: nullopt where it is small, no second thread is to be had, or
// anything is not as it should be; one walk then tells what.
std::optional<EtcdFacts::Bucket> BboltStore::fill_halves(mvcc::TreeIndex& index, Progress* progress) const {
    if (usable_cores() < 2) return std::nullopt;
    try {
        const std::optional<std::string> middle = middle_key(file_, rows_);
        if (!middle) return std::nullopt;
        RowWalk first{bbolt::Cursor(file_, rows_)};
        RowWalk second{bbolt::Cursor(file_, rows_)};
        const bool more = second.cursor.seek(*middle);
        // Where the first walk has to end; the pages above it are entered by both.
        const auto begins = std::pair(second.cursor.page(), second.cursor.position());
        const std::uint64_t shared = second.cursor.pages_entered();
        index.add_segments(2);
        std::atomic<bool> sound{true};
        std::jthread helper = start_helper([&] {
            try {
                take_rows(second, more, {}, index, 1, [] {});
            } catch (...) {
                sound = false;
            }
        });
        if (!helper.joinable()) return std::nullopt;
        take_rows(first, first.cursor.first(), *middle, index, 0, [&] {
            if (progress != nullptr)
                progress->update("reading pages", 2 * first.cursor.pages_entered(), info_.pages);
        });
        helper.join();
        const auto ends = std::pair(first.cursor.page(), first.cursor.position());
        if (!sound || !more || ends != begins || !first.log.empty() || !second.log.empty() ||
            first.cursor.pages_in_common(second.cursor) != shared)
            return std::nullopt;
        EtcdFacts::Bucket use = first.use;
        use.keys += second.use.keys;
        use.bytes += second.use.bytes;
        use.pages = first.cursor.pages_entered() + second.cursor.pages_entered() - shared;
        return use;
    } catch (const bbolt::PageError&) {
        return std::nullopt;
    }
}

bool BboltStore::fill(mvcc::TreeIndex& index, FindingLog& log, Progress* progress, Damage damage) {
    std::optional<EtcdFacts::Bucket> use = fill_halves(index, progress);
    if (!use) {
        index.clear();
        index.add_segments(1);
        RowWalk walk{bbolt::Cursor(file_, rows_, damage == Damage::stops ? nullptr : &log)};
        take_rows(walk, walk.cursor.first(), {}, index, 0, [&] {
            if (progress != nullptr)
                progress->update("reading pages", walk.cursor.pages_entered(), info_.pages);
        });
        log.add(walk.log);
        walk.use.pages = walk.cursor.pages_entered();
        use = walk.use;
    }
    measure_buckets(*use, log);
    return index.seal();
}

// What no bucket reaches is free, as etcd's own "in use" counts it.
void BboltStore::measure_buckets(const EtcdFacts::Bucket& rows, FindingLog& log) {
    buckets_.clear();
    bbolt::Cursor names(file_, file_.root(), &log);
    std::uint64_t used = 2 + rows.pages;
    for (bool more = names.first(); more; more = names.next()) {
        if (!names.is_bucket()) continue;
        if (names.key() == "key") {
            buckets_.push_back(rows);
            continue;
        }
        EtcdFacts::Bucket use{std::string(names.key())};
        try {
            bbolt::Cursor other(file_, file_.decode_bucket(names.value(), names.page()), &log);
            for (bool next = other.first(); next; next = other.next()) {
                if ((++use.keys & 0xFFFF) == 0) check_interrupt();
                use.bytes += other.key().size() + other.value().size();
            }
            use.pages = other.pages_entered();
        } catch (const bbolt::PageError& e) {
            log.add({Severity::error, "bbolt-bucket", fmt::format("{}: page {}", file_.path(), e.page()),
                     e.fault()});
        }
        used += use.pages;
        buckets_.push_back(std::move(use));
    }
    used += names.pages_entered();
    if (!file_.stored_free_pages()) info_.free_pages = info_.pages - std::min(used, info_.pages);
}

bool BboltStore::is_whole(const mvcc::TreeIndex& index) const noexcept {
    const auto rows = std::find_if(buckets_.begin(), buckets_.end(),
                                   [](const EtcdFacts::Bucket& b) { return b.name == "key"; });
    return rows != buckets_.end() && rows->keys == index.total().revisions && index.duplicates() == 0;
}

// Only for a damaged tree: its rows in the order the bucket should have had.
void BboltStore::fill_sorted(mvcc::TreeIndex& index) {
    FindingLog known;
    bbolt::Cursor cursor(file_, rows_, &known);
    std::vector<std::pair<std::string_view, std::string_view>> rows;
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if (!cursor.is_bucket()) rows.emplace_back(cursor.key(), cursor.value());
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    index.clear();
    index.add_segments(1);
    mvcc::RowBatch batch;
    for (const auto& [key, value] : rows) {
        std::string_view fault;
        const auto r = decode(key, value, fault);
        if (r && !batch.push(index_row(*r, key.size()))) index.add(0, batch);
    }
    index.add(0, batch);
    if (!index.seal()) throw Error(ErrorKind::internal, file_.path() + ": sorted rows are out of order");
}

mvcc::TreeIndex BboltStore::load(const mvcc::CompactionRules& rules, Findings& findings, Progress* progress) {
    return load(rules, findings, progress, Damage::stops);
}

mvcc::TreeIndex BboltStore::load_past_damage(const mvcc::CompactionRules& rules, Findings& findings,
                                             Progress* progress) {
    return load(rules, findings, progress, Damage::is_told);
}

mvcc::TreeIndex BboltStore::load(const mvcc::CompactionRules& rules, Findings& findings, Progress* progress,
                                 Damage damage) {
    if (file_.locked()) {
        findings.push_back(
            {Severity::warning, "in-use", file_.path(),
             "a running server holds the file: it may lag behind the log, and what is read may be "
             "torn; stop the server or read a snapshot or a copy"});
    }
    mvcc::TreeIndex index(rules);
    FindingLog log;
    const bool ordered = [&] {
        try {
            return fill(index, log, progress, damage);
        } catch (const bbolt::PageError&) {
            // A server takes pages again that it gave up since the file was opened.
            if (!file_.changed()) throw;
            throw Error(ErrorKind::in_use,
                        info_.path +
                            ": a running server wrote to it while it was read; stop the server, or read "
                            "a snapshot or a copy");
        }
    }();
    for (Finding& f : log.take()) findings.push_back(std::move(f));
    if (!ordered) {
        findings.push_back({Severity::error, "row-order", file_.path(),
                            "the rows of bucket \"key\" are not in the order of their revisions"});
        fill_sorted(index);
    }
    if (index.duplicates() != 0) {
        findings.push_back({Severity::error, "duplicate-revision", file_.path(),
                            fmt::format("{} with the revision of another", many(index.duplicates(), "row"))});
    }
    check_meta(findings);
    check_received(findings);
    if (file_.changed()) {
        findings.push_back({Severity::warning, "changed-while-reading", file_.path(),
                            "the server committed while the file was read: the rows are not of one moment"});
    }
    return index;
}

void BboltStore::each_record(MainRevision from, MainRevision to,
                             const std::function<void(const mvcc::Record&)>& f) {
    const mvcc::EncodedRevision start({std::max<std::int64_t>(from.value(), 0), 0}, false);
    bbolt::Cursor cursor(file_, rows_);
    std::uint64_t rows = 0;
    for (bool more = cursor.seek(start.bytes()); more; more = cursor.next()) {
        if ((++rows & 0xFFF) == 0) check_interrupt();
        std::string_view fault;
        const auto r = cursor.is_bucket() ? std::nullopt : decode(cursor.key(), cursor.value(), fault);
        if (!r) throw damaged(cursor.key(), cursor.is_bucket() ? "is a bucket" : fault);
        if (r->revision.main > to.value()) break;
        f(*r);
    }
    file_.check_readable();
}

std::optional<mvcc::Record> BboltStore::record(mvcc::Revision revision) {
    const mvcc::EncodedRevision key(revision, false);
    bbolt::Cursor cursor(file_, rows_);
    if (!cursor.seek(key.bytes()) || !cursor.key().starts_with(key.bytes())) return std::nullopt;
    std::string_view fault;
    const auto r = cursor.is_bucket() ? std::nullopt : decode(cursor.key(), cursor.value(), fault);
    if (!r) throw damaged(cursor.key(), cursor.is_bucket() ? "is a bucket" : fault);
    return r;
}

std::optional<mvcc::TreeIndex> BboltStore::load_key(std::string_view /*key*/,
                                                    const mvcc::CompactionRules& /*rules*/,
                                                    Findings& /*findings*/) {
    return std::nullopt;
}

// The last row of all, as a rule. Behind damage, rows whose keys are no revisions may stand anywhere.
MainRevision BboltStore::last_readable() const {
    MainRevision last{1};
    FindingLog known;  // load() tells them
    bbolt::Cursor cursor(file_, rows_, &known);
    if (!cursor.last()) return last;
    if (const auto main = row_main(cursor.key())) return std::max(last, MainRevision(*main));
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if (const auto main = row_main(cursor.key())) last = std::max(last, MainRevision(*main));
    }
    return last;
}

}  // namespace kvctl::store
