#include "kvctl/store/bbolt/bbolt.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/proto.hpp"
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
    return row_key.size() > 32 ? text + "…" : text;
}

std::optional<std::int64_t> row_main(std::string_view row_key) {
    const auto d = mvcc::decode_revision(row_key);
    return d ? std::optional(d->revision.main) : std::nullopt;
}

}  // namespace

bool looks_like_bbolt(std::string_view first_bytes) {
    return bbolt::looks_like_bbolt(first_bytes);
}

BboltStore::BboltStore(const std::string& path, bbolt::File::Lock lock)
    : BboltStore(path, resolved(locate_store(path)), lock) {}

BboltStore::BboltStore(const std::string& path, const std::string& file, bbolt::File::Lock lock)
    : file_(file, lock, locate_store(path)) {
    info_.path = path;
    info_.real_path = file;
    info_.layout = Layout::bbolt;
    info_.file_bytes = file_.file_bytes();
    info_.page_size = file_.page_size();
    info_.pages = file_.pages();
    info_.free_pages = file_.stored_free_pages().value_or(0);
    const auto rows = file_.bucket("key");
    if (!rows)
        throw Error(ErrorKind::not_a_store, file_.path() + ": is a bbolt file, but has no bucket \"key\"");
    rows_ = *rows;
}

namespace {

// Nothing executes on an etcd db; a copy of its survivors is a native store, whose size is not foretold.

}  // namespace

const Traits& BboltStore::traits() const noexcept {
    static const Traits k_traits{.own_rules = {}, .member = true};
    return k_traits;
}

LogPlace BboltStore::log_place() {
    const auto is_directory = [](const std::string& path) {
        struct stat st {};
        return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
    };
    if (!is_directory(info_.path)) return {};
    // The db of a data dir, whichever of its folders was named, or a folder above it.
    const std::string member = folder_of(folder_of(info_.real_path));
    if (!info_.real_path.ends_with("/member/snap/db") || !is_directory(member + "/wal")) return {};
    return {nullptr, is_directory(info_.path + "/member/wal") ? info_.path : folder_of(member)};
}

// --- rows

std::optional<mvcc::Record> BboltStore::decode(std::string_view row_key, std::string_view value,
                                               std::string_view& fault) const {
    const auto at = mvcc::decode_revision(row_key);
    if (!at) {
        fault = "its key is no revision";
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
    return {ErrorKind::damaged, file_.path() + ": " + row_name(row_key) + ": " + std::string(fault)};
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

}  // namespace

bool BboltStore::fill(mvcc::TreeIndex& index, FindingLog& log, Progress* progress) {
    constexpr std::uint64_t k_step = 1 << 16;
    bbolt::Cursor cursor(file_, rows_, &log);
    mvcc::RowBatch batch;
    std::uint64_t rows = 0;
    index.add_segments(1);
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if (++rows % k_step == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("reading pages", cursor.pages_entered(), info_.pages);
        }
        std::string_view fault = cursor.is_bucket() ? "is a bucket" : "";
        std::optional<mvcc::Record> r;
        if (fault.empty()) r = decode(cursor.key(), cursor.value(), fault);
        if (!fault.empty()) {
            log.add({Severity::error, r ? "mod-revision" : "malformed-row",
                     file_.path() + ": " + row_name(cursor.key()), std::string(fault),
                     row_main(cursor.key())});
        }
        if (r && !batch.push(index_row(*r, cursor.key().size()))) index.add(0, batch);
    }
    index.add(0, batch);
    rows_read_ = rows;
    if (!file_.stored_free_pages()) count_free_pages(cursor.pages_entered(), log);
    return index.seal();
}

// What no bucket reaches is free, as etcd's own "in use" counts it.
void BboltStore::count_free_pages(std::uint64_t pages_of_rows, FindingLog& log) {
    std::uint64_t used = 2 + pages_of_rows;
    bbolt::Cursor names(file_, file_.root(), &log);
    for (bool more = names.first(); more; more = names.next()) {
        if (!names.is_bucket() || names.key() == "key") continue;
        try {
            bbolt::Cursor other(file_, file_.decode_bucket(names.value(), names.page()), &log);
            for (bool next = other.first(); next;) next = other.next();
            used += other.pages_entered();
        } catch (const bbolt::PageError& e) {
            log.add({Severity::error, "bbolt-bucket",
                     file_.path() + ": page " + std::to_string(e.page().value()), e.fault()});
        }
    }
    used += names.pages_entered();
    info_.free_pages = info_.pages - std::min(used, info_.pages);
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
    if (file_.locked()) {
        findings.push_back(
            {Severity::warning, "in-use", file_.path(),
             "a running server holds the file: it may lag behind the log, and what is read may be "
             "torn; stop the server or read a snapshot or a copy"});
    }
    mvcc::TreeIndex index(rules);
    FindingLog log;
    const bool ordered = fill(index, log, progress);
    for (Finding& f : log.take()) findings.push_back(std::move(f));
    if (!ordered) {
        findings.push_back({Severity::error, "row-order", file_.path(),
                            "the rows of bucket \"key\" are not in the order of their revisions"});
        fill_sorted(index);
    }
    if (index.duplicates() != 0) {
        findings.push_back({Severity::error, "duplicate-revision", file_.path(),
                            std::to_string(index.duplicates()) + " rows repeat the revision of another"});
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

// --- counters and leases

std::optional<std::string_view> BboltStore::meta_bytes(std::string_view name) const {
    const auto bucket = file_.bucket("meta");
    if (!bucket) return std::nullopt;
    bbolt::Cursor cursor(file_, *bucket);
    if (!cursor.seek(name) || cursor.key() != name || cursor.is_bucket()) return std::nullopt;
    return cursor.value();
}

namespace {

std::optional<std::uint64_t> number_of(const std::optional<std::string_view>& value) {
    if (!value || value->size() != 8) return std::nullopt;
    return bbolt::load_be64(value->data());
}

std::optional<MainRevision> revision_of(const std::optional<std::string_view>& value) {
    const auto d = value ? mvcc::decode_revision(*value) : std::nullopt;
    if (!d) return std::nullopt;
    return MainRevision(d->revision.main);
}

}  // namespace

void BboltStore::check_meta(Findings& findings) const {
    const auto check = [&](std::string_view name, bool sound, const char* what) {
        if (!sound) {
            findings.push_back({Severity::error, "malformed-meta",
                                file_.path() + ": bucket meta, " + std::string(name), what});
        }
    };
    for (const std::string_view name : {"scheduledCompactRev", "finishedCompactRev"}) {
        const auto value = meta_bytes(name);
        check(name, !value || revision_of(value), "is no revision; it is taken as absent");
    }
    for (const std::string_view name : {"consistent_index", "term"}) {
        const auto value = meta_bytes(name);
        check(name, !value || number_of(value), "is no 8-byte number; it is taken as absent");
    }
}

// A member that was far behind gets a whole db from its leader, as <raft index>.snap.db beside its own.
void BboltStore::check_received(Findings& findings) const {
    constexpr std::string_view k_suffix = ".snap.db";
    constexpr std::size_t k_digits = 16;
    const std::filesystem::path own(info_.real_path);
    if (own.filename() != "db") return;
    const std::uint64_t applied = number_of(meta_bytes("consistent_index")).value_or(0);
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(own.parent_path(), unreadable)) {
        const std::string name = entry.path().filename().string();
        if (name.size() != k_digits + k_suffix.size() || !name.ends_with(k_suffix)) continue;
        std::uint64_t index = 0;
        const auto [end, fault] = std::from_chars(name.data(), name.data() + k_digits, index, 16);
        if (fault != std::errc{} || end != name.data() + k_digits || index <= applied) continue;
        findings.push_back({Severity::warning, "newer-snapshot-db", name,
                            "a db received from a leader, at raft index " + std::to_string(index) +
                                "; this one is at " + std::to_string(applied) +
                                ", and a server that starts from that snapshot replaces it"});
    }
}

StoreHead BboltStore::head() {
    StoreHead head;
    head.scheduled = revision_of(meta_bytes("scheduledCompactRev"));
    head.finished = revision_of(meta_bytes("finishedCompactRev"));
    if (const auto index = number_of(meta_bytes("consistent_index")))
        head.consistent_index = LogIndex(*index);
    if (const auto term = number_of(meta_bytes("term")); term && *term != 0) head.term = Term(*term);
    if (head.finished) head.compacted = *head.finished;

    FindingLog known;  // load() tells them
    bbolt::Cursor cursor(file_, rows_, &known);
    MainRevision last{1};
    if (cursor.last()) {
        if (const auto d = mvcc::decode_revision(cursor.key()))
            last = std::max(last, MainRevision(d->revision.main));
    }
    head.current = std::max({last, head.scheduled.value_or(last), head.finished.value_or(last)});
    return head;
}

std::optional<Lease> decode_lease(std::string_view key, std::string_view value) {
    if (key.size() != 8) return std::nullopt;
    Lease lease;
    proto::Reader r(value);
    while (r.next()) {
        if (r.field() == 1) lease.id = r.signed_number();
        if (r.field() == 2) lease.ttl = r.signed_number();
    }
    if (r.bad()) return std::nullopt;
    return lease;
}

std::vector<Lease> BboltStore::leases() {
    std::vector<Lease> leases;
    const auto bucket = file_.bucket("lease");
    if (!bucket) return leases;
    bbolt::Cursor cursor(file_, *bucket);
    for (bool more = cursor.first(); more; more = cursor.next()) {
        const auto lease = cursor.is_bucket() ? std::nullopt : decode_lease(cursor.key(), cursor.value());
        if (!lease) {
            throw Error(ErrorKind::damaged, file_.path() + ": page " + std::to_string(cursor.page().value()) +
                                                ", element " + std::to_string(cursor.position()) +
                                                ": is no lease");
        }
        leases.push_back(*lease);
    }
    std::sort(leases.begin(), leases.end(), [](const Lease& a, const Lease& b) { return a.id < b.id; });
    return leases;
}

std::vector<std::pair<std::string, std::int64_t>> BboltStore::meta() {
    std::vector<std::pair<std::string, std::int64_t>> result;
    const auto bucket = file_.bucket("meta");
    if (!bucket) return result;
    bbolt::Cursor cursor(file_, *bucket);
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if (cursor.is_bucket()) continue;
        if (const auto revision = revision_of(cursor.value())) {
            result.emplace_back(cursor.key(), revision->value());
        } else if (const auto number = number_of(cursor.value())) {
            result.emplace_back(cursor.key(), static_cast<std::int64_t>(*number));
        }
    }
    return result;
}

}  // namespace kvctl::store
