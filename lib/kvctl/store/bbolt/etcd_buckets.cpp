#include <algorithm>
#include <filesystem>
#include <set>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"

// The buckets of an etcd db beside "key" (etcd.md 4).
namespace kvctl::store {
namespace {

using Severity = Finding::Severity;

constexpr std::size_t k_index_digits = 16;  // of a raft index in the name of a file

std::string text_of(std::string_view bytes) {
    return std::string(bytes);
}

// etcd's buckets hold no buckets: a flag that says so would make a value go missing.
void expect_value(const bbolt::File& file, const bbolt::Cursor& cursor) {
    if (!cursor.is_bucket()) return;
    throw bbolt::PageError(file.path(), cursor.page(),
                           fmt::format("element {} is marked as a bucket", cursor.position()));
}

}  // namespace

std::optional<std::string_view> BboltStore::value_of(std::string_view bucket, std::string_view key) const {
    const auto found = file_.bucket(bucket);
    if (!found) return std::nullopt;
    bbolt::Cursor cursor(file_, *found);
    if (!cursor.seek(key) || cursor.key() != key) return std::nullopt;
    expect_value(file_, cursor);
    return cursor.value();
}

std::optional<std::string_view> BboltStore::meta_bytes(std::string_view name) const {
    return value_of("meta", name);
}

// --- counters

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
                                fmt::format("{}: bucket meta, {}", file_.path(), name), what});
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

// What lies beside the db of a data dir: a member that was far behind gets a whole db from its leader, as
// <raft index>.snap.db.
void BboltStore::check_received(Findings& findings) const {
    constexpr std::string_view k_suffix = ".snap.db";
    const std::filesystem::path own(info_.real_path);
    if (own.filename() != "db") return;
    const std::uint64_t applied = number_of(meta_bytes("consistent_index")).value_or(0);
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(own.parent_path(), unreadable)) {
        const std::string name = entry.path().filename().string();
        if (name.size() != k_index_digits + k_suffix.size() || !name.ends_with(k_suffix)) continue;
        const auto index = parse_hex(std::string_view(name).substr(0, k_index_digits));
        if (!index || *index <= applied) continue;
        findings.push_back({Severity::warning, "newer-snapshot-db", name,
                            fmt::format("a db received from a leader, at raft index {}; this one is at {}, "
                                        "and a server that starts from that snapshot replaces it",
                                        *index, applied)});
    }
}

std::optional<Finding> BboltStore::missing_snapshot_db() const {
    constexpr std::string_view k_suffix = ".snap";  // <term>-<raft index>.snap
    constexpr std::size_t k_name = 2 * k_index_digits + 1;
    const std::filesystem::path own(info_.real_path);
    if (own.filename() != "db") return std::nullopt;
    const std::uint64_t applied = number_of(meta_bytes("consistent_index")).value_or(0);
    std::uint64_t newest = 0;
    std::set<std::uint64_t> received;
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(own.parent_path(), unreadable)) {
        const std::string name = entry.path().filename().string();
        const std::string_view view(name);
        if (name.size() == k_name + k_suffix.size() && name.ends_with(k_suffix)) {
            newest = std::max(newest, parse_hex(view.substr(k_index_digits + 1, k_index_digits)).value_or(0));
        } else if (name.size() == k_index_digits + 8 && name.ends_with(".snap.db")) {
            if (const auto index = parse_hex(view.substr(0, k_index_digits))) received.insert(*index);
        }
    }
    if (newest <= applied || received.contains(newest)) return std::nullopt;
    return Finding{
        Severity::error, "snap-db-missing", info_.real_path,
        fmt::format("it is at raft index {}, the newest raft snapshot at {}, and the .snap.db that belongs "
                    "to that is not there: no server starts on it; as far as the WAL reaches back, {} and "
                    "'kvctl replay WAL NEW' bring everything back",
                    applied, newest, command_on(info_.real_path, "import -o NEW"))};
}

StoreHead BboltStore::head() {
    StoreHead head;
    head.scheduled = revision_of(meta_bytes("scheduledCompactRev"));
    head.finished = revision_of(meta_bytes("finishedCompactRev"));
    if (const auto index = number_of(meta_bytes("consistent_index")))
        head.consistent_index = LogIndex(*index);
    if (const auto term = number_of(meta_bytes("term")); term && *term != 0) head.term = Term(*term);
    if (head.finished) head.compacted = *head.finished;

    const MainRevision last = last_readable();
    head.current = std::max({last, head.scheduled.value_or(last), head.finished.value_or(last)});
    if (head.pending()) {
        const mvcc::EncodedRevision mark({head.scheduled->value(), 0}, false);
        FindingLog known;  // load() tells them
        bbolt::Cursor cursor(file_, rows_, &known);
        head.marked_by_restore =
            cursor.seek(mark.bytes()) && cursor.key() == mark.bytes() && cursor.value().empty();
    }
    return head;
}

// --- leases

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
            throw Error(ErrorKind::damaged, fmt::format("{}: page {}, element {}: is no lease", file_.path(),
                                                        cursor.page(), cursor.position()));
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
        expect_value(file_, cursor);
        if (const auto revision = revision_of(cursor.value())) {
            result.emplace_back(cursor.key(), revision->value());
        } else if (const auto number = number_of(cursor.value())) {
            result.emplace_back(cursor.key(), static_cast<std::int64_t>(*number));
        }
    }
    return result;
}

// --- the cluster

Findings BboltStore::notices() {
    Findings all;
    if (const std::string lost = file_.lost_transaction(); !lost.empty())
        all.push_back({Severity::warning, "older-meta", "", lost});
    if (const std::string fault = file_.length_fault(); !fault.empty())
        all.push_back({Severity::warning, "bbolt-length", "", fault});
    return all;
}

std::optional<mvcc::EtcdRelease> BboltStore::release() {
    if (const auto stored = meta_bytes("storageVersion")) {
        if (const auto release = mvcc::EtcdRelease::parse(*stored)) return release;
    }
    const auto cluster = cluster_version();
    return cluster ? mvcc::EtcdRelease::parse(*cluster) : std::nullopt;
}

std::optional<std::string> BboltStore::cluster_version() const {
    if (const auto version = value_of("cluster", "clusterVersion")) return text_of(*version);
    return log_version_;
}

std::vector<EtcdFacts::Alarm> BboltStore::alarms() const {
    std::vector<EtcdFacts::Alarm> all;
    const auto bucket = file_.bucket("alarm");
    if (!bucket) return all;
    const std::vector<EtcdFacts::Member> cluster = members();
    bbolt::Cursor cursor(file_, *bucket);
    for (bool more = cursor.first(); more; more = cursor.next()) {
        EtcdFacts::Alarm alarm;
        std::uint64_t type = 0;
        proto::Reader r(cursor.key());
        while (r.next()) {
            if (r.field() == 1) alarm.member = r.number();
            if (r.field() == 2) type = r.number();
        }
        if (r.bad()) {
            throw Error(ErrorKind::damaged, fmt::format("{}: bucket alarm, element {}: is no alarm",
                                                        file_.path(), cursor.position()));
        }
        if (type == 0) continue;  // NONE
        alarm.type = type == 1 ? "NOSPACE" : type == 2 ? "CORRUPT" : fmt::format("alarm {}", type);
        const auto member = std::find_if(cluster.begin(), cluster.end(),
                                         [&](const EtcdFacts::Member& m) { return m.id == alarm.member; });
        if (member != cluster.end()) alarm.name = member->name;
        alarm.foreign = !cluster.empty() && member == cluster.end();
        all.push_back(std::move(alarm));
    }
    return all;
}

std::optional<EtcdFacts> BboltStore::etcd_facts() {
    EtcdFacts facts;
    facts.cluster_version = cluster_version();
    if (const auto version = meta_bytes("storageVersion")) facts.storage_version = text_of(*version);
    facts.members = members();
    facts.alarms = alarms();
    for (const Lease& lease : leases()) {
        ++facts.leases.count;
        facts.leases.ttl_min = std::min(facts.leases.ttl_min.value_or(lease.ttl), lease.ttl);
        facts.leases.ttl_max = std::max(facts.leases.ttl_max.value_or(lease.ttl), lease.ttl);
    }
    facts.buckets = buckets_;
    return facts;
}

std::vector<Hint> BboltStore::advice(const StoreHead& /*head*/, const mvcc::TreeIndex& /*index*/) {
    std::vector<Hint> all;
    for (const EtcdFacts::Alarm& alarm : alarms())
        all.push_back({"alarm", alarm.text() + ": " + k_way_out_of_alarm, "etcdctl alarm disarm"});
    return all;
}

// A snapshot is exactly as long as the pages that were ever used; a data dir's db is seldom.
bool BboltStore::may_lack_digest() const {
    const std::filesystem::path own(info_.real_path);
    const bool of_data_dir = own.filename() == "db" && own.parent_path().filename() == "snap" &&
                             own.parent_path().parent_path().filename() == "member";
    return !file_.has_digest() && !of_data_dir && file_.stray_bytes() == 0 &&
           file_.pages() == file_.meta().high_water.value();
}

}  // namespace kvctl::store
