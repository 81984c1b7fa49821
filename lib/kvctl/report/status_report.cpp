#include "kvctl/report/status_report.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

template <class T>
Json number(const std::optional<T>& n) {
    return n ? Json(*n) : Json(nullptr);
}

Json etcd_json(const EtcdStatus& e) {
    const auto text = [](const std::optional<std::string>& s) {
        return s ? Json(utf8_text(*s)) : Json(nullptr);
    };
    Json members = Json::array();
    for (const EtcdStatus::Member& m : e.members)
        members.push_back({{"id", hex(m.id)}, {"name", utf8_text(m.name)}, {"learner", m.learner}});
    Json alarms = Json::array();
    for (const EtcdStatus::Alarm& a : e.alarms)
        alarms.push_back({{"member", hex(a.member)}, {"type", a.type}});
    Json buckets = Json::array();
    for (const EtcdStatus::Bucket& b : e.buckets) {
        buckets.push_back(
            {{"name", utf8_text(b.name)}, {"keys", b.keys}, {"bytes", b.bytes}, {"pages", b.pages}});
    }
    return {{"cluster_version", text(e.cluster_version)},
            {"storage_version", text(e.storage_version)},
            {"members", std::move(members)},
            {"alarms", std::move(alarms)},
            {"leases", {{"count", e.leases}, {"ttl_min", number(e.ttl_min)}, {"ttl_max", number(e.ttl_max)}}},
            {"buckets", std::move(buckets)}};
}

Json dqlite_json(const DqliteStatus& d) {
    Json members = Json::array();
    for (const DqliteStatus::Member& m : d.members)
        members.push_back({{"id", hex(m.id)}, {"address", utf8_text(m.address)}, {"role", m.role}});
    Json snapshots = Json::array();
    for (const DqliteStatus::Snapshot& s : d.snapshots) {
        snapshots.push_back({{"name", utf8_text(s.name)},
                             {"term", s.term},
                             {"index", s.index},
                             {"bytes", s.bytes},
                             {"used", s.used}});
    }
    Json databases = Json::array();
    for (const std::string& name : d.databases) databases.push_back(utf8_text(name));
    Json bytes = Json::object();
    for (const auto& [kind, n] : d.bytes) bytes[kind] = n;
    return {{"database", utf8_text(d.database)},
            {"databases", std::move(databases)},
            {"term", number(d.term)},
            {"vote", hex(d.voted_for)},
            {"members", std::move(members)},
            {"configuration_index", d.configuration_index},
            {"snapshots", std::move(snapshots)},
            {"snapshot_unpacked_bytes", d.snapshot_unpacked_bytes},
            {"first_index", d.first_index},
            {"last_index", d.last_index},
            {"applied", d.applied},
            {"tail_may_be_uncommitted", d.tail_may_be_uncommitted},
            {"bytes", std::move(bytes)}};
}

Json status_json(const StatusReport& r) {
    Json store = store_json(r.store);
    store["wal_bytes"] = r.wal_bytes;
    store["journal_bytes"] = r.journal_bytes;
    if (!r.journal_mode.empty()) store["journal_mode"] = r.journal_mode;
    Json pids = Json::array();
    Json holders = Json::array();
    for (const auto& [pid, command] : r.in_use_by) {
        pids.push_back(pid);
        holders.push_back({{"pid", pid}, {"command", utf8_text(command)}});
    }
    Json hints = Json::array();
    for (const Hint& h : r.hints) hints.push_back(utf8_text(h.text));
    Json j{{"schema", "kvctl.status/1"},
           {"store", std::move(store)},
           {"revisions",
            {{"current", r.current},
             {"compacted", r.compacted},
             {"scheduled", number(r.scheduled)},
             {"finished", number(r.finished)},
             {"oldest", number(r.oldest)}}},
           {"counts",
            {{"revisions", r.revisions},
             {"tombstones", r.tombstones},
             {"keys", r.keys},
             {"live_keys", r.live_keys},
             {"leases", r.leases}}},
           {"bytes",
            {{"live", r.live_bytes},
             {"history", r.history_bytes},
             {"tombstones", r.tombstone_bytes},
             {"indexes", r.index_bytes},
             {"other", r.other_bytes},
             {"overhead", r.overhead_bytes},
             {"free", r.free_bytes}}},
           {"raft_log", r.raft_log ? log_json(*r.raft_log) : Json(nullptr)},
           {"consistent_index", number(r.consistent_index)},
           {"pending_compaction", r.pending},
           {"in_use_by", std::move(pids)},
           {"holders", std::move(holders)},
           {"hints", std::move(hints)}};
    if (r.gaps) j["counts"]["gaps"] = *r.gaps;
    if (r.etcd) j["etcd"] = etcd_json(*r.etcd);
    if (r.dqlite) j["dqlite"] = dqlite_json(*r.dqlite);
    Json meta = Json::object();
    for (const auto& [name, value] : r.meta) meta[utf8_text(name)] = value;
    j["meta"] = std::move(meta);
    return j;
}

std::string seconds(const EtcdStatus& e) {
    if (!e.ttl_min) return {};
    if (*e.ttl_max == *e.ttl_min) return fmt::format(", TTL {} s", *e.ttl_min);
    return fmt::format(", TTL {} to {} s", *e.ttl_min, *e.ttl_max);
}

// Where the space is: buckets by their pages, those that are inline last by their bytes.
template <class Bytes>
std::vector<std::string> bucket_lines(const EtcdStatus& e, const Bytes& bytes) {
    std::vector<const EtcdStatus::Bucket*> order;
    for (const EtcdStatus::Bucket& b : e.buckets) {
        if (b.keys > 0) order.push_back(&b);
    }
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
        return std::pair(a->pages, a->bytes) > std::pair(b->pages, b->bytes);
    });
    std::vector<std::string> lines;
    lines.reserve(order.size());
    for (const EtcdStatus::Bucket* b : order) {
        lines.push_back(fmt::format("{}: {}, {}{}", escape(b->name), many(b->keys, "key"), bytes(b->bytes),
                                    b->pages == 0 ? ", inline" : " in " + many(b->pages, "page")));
    }
    return lines;
}

template <class Row, class Bytes>
void write_etcd(const EtcdStatus& e, const Row& row, const Bytes& bytes) {
    std::string versions;
    if (e.cluster_version) versions = "cluster " + escape(*e.cluster_version);
    if (e.storage_version)
        versions += (versions.empty() ? "storage " : ", storage ") + escape(*e.storage_version);
    if (!versions.empty()) row("etcd", versions);
    for (std::size_t i = 0; i < e.members.size(); ++i) {
        const EtcdStatus::Member& m = e.members[i];
        row(i == 0 ? "members" : "",
            fmt::format("{} ({}){}", m.name.empty() ? "without a name" : escape(m.name), hex(m.id),
                        m.learner ? ", a learner" : ""));
    }
    for (const EtcdStatus::Alarm& a : e.alarms) row("alarm", escape(a.text));
    const std::vector<std::string> buckets = bucket_lines(e, bytes);
    for (std::size_t i = 0; i < buckets.size(); ++i) row(i == 0 ? "buckets" : "", buckets[i]);
}

// Where the bytes of the file are: the parts add up to it. What is not there is left out.
void write_space(std::ostream& out, const StatusReport& r, const TextStyle& style) {
    struct Part {
        const char* name;
        std::uint64_t bytes;
        bool past;  // goes with a compaction
    };
    const std::array<Part, 7> parts{{{"live", r.live_bytes, false},
                                     {"history", r.history_bytes, true},
                                     {"tombstones", r.tombstone_bytes, true},
                                     {"indexes", r.index_bytes, false},
                                     {"other", r.other_bytes, false},
                                     {"overhead", r.overhead_bytes, false},
                                     {"free", r.free_bytes, true}}};
    std::uint64_t whole = 0;
    for (const Part& p : parts) whole += p.bytes;
    Table t(2);
    t.left_columns(2);
    t.with_bars(style.bars != TextStyle::Bars::none);
    bool first = true;
    for (const Part& p : parts) {
        if (p.bytes == 0) continue;
        std::vector<std::string> cells{first ? "space    " : "", p.name, style.bytes(p.bytes),
                                       percent(p.bytes, whole)};
        if (style.bars != TextStyle::Bars::none)
            cells.push_back(bar(style, p.past ? 0 : p.bytes, p.past ? p.bytes : 0, whole, 30));
        t.row(cells);
        first = false;
    }
    if (first) return;
    // What a -wal holds is in the file once it is moved there.
    const bool moved_in = r.wal_bytes > 0 && whole != r.store.file_bytes;
    t.row({"", moved_in ? "all, -wal moved in" : "all", style.bytes(whole)});
    t.write(out);
}

// The command on a line of its own, to be copied from: once for hints in a row that have the same. One of
// another program's stands in the text, where it says when.
void write_hints(std::ostream& out, const std::vector<Hint>& hints, const TextStyle& style) {
    for (std::size_t i = 0; i < hints.size(); ++i) {
        const Hint& h = hints[i];
        std::string text = h.text;
        if (!h.command.empty() && text.ends_with(h.command)) {
            text.resize(text.size() - h.command.size());
            while (text.ends_with(' ') || text.ends_with(':')) text.pop_back();
        }
        out << "  " << paint(style, Meaning::caution, "hint:") << ' ' << printable(text) << '\n';
        const bool last = i + 1 == hints.size() || hints[i + 1].command != h.command;
        if (last && h.command.starts_with("kvctl ")) out << "    " << h.command << '\n';
    }
}

template <class Row, class Bytes>
void write_dqlite(const DqliteStatus& d, const Row& row, const Bytes& bytes) {
    std::string folder;
    std::uint64_t all = 0;
    for (const auto& [kind, n] : d.bytes) {
        all += n;
        std::string words = kind;
        std::replace(words.begin(), words.end(), '_', ' ');
        if (n > 0) folder += fmt::format(", {} {}", words, bytes(n));
    }
    row("directory", bytes(all) + folder);
    std::string names;
    for (const std::string& name : d.databases) names += (names.empty() ? "" : ", ") + escape(name);
    row("name", escape(d.database) + (d.databases.size() > 1 ? ", of " + names : ""));
    row("term", !d.term            ? "unknown: no metadata can be read"
                : d.voted_for == 0 ? fmt::format("{}, no vote in it", *d.term)
                                   : fmt::format("{}, voted for {}", *d.term, hex(d.voted_for)));
    for (std::size_t i = 0; i < d.members.size(); ++i) {
        const DqliteStatus::Member& m = d.members[i];
        row(i == 0 ? "members" : "",
            fmt::format("{} ({}), {}, {}", m.id, hex(m.id), escape(m.address), m.role));
    }
    for (std::size_t i = 0; i < d.snapshots.size(); ++i) {
        const DqliteStatus::Snapshot& s = d.snapshots[i];
        row(i == 0 ? "snapshots" : "",
            fmt::format("index {} of term {}, {}, {}", s.index, s.term, bytes(s.bytes),
                        s.used ? bytes(d.snapshot_unpacked_bytes) + " unpacked" : "not used"));
    }
    if (d.snapshots.empty()) row("snapshots", "none");
    row("applied", fmt::format("raft index {}{}", d.applied,
                               d.tail_may_be_uncommitted ? ", the tail may be uncommitted" : ""));
    if (d.first_index > 0) row("raft log", fmt::format("entries {} to {}", d.first_index, d.last_index));
}

}  // namespace

void write_text(std::ostream& out, const StatusReport& r, const TextStyle& style) {
    const auto bytes = [&](std::uint64_t n) { return style.bytes(n); };
    out << escape(r.store.path) << '\n';
    Table t(2);
    t.left_columns(2);
    const auto row = [&](const char* name, std::string value) { t.row({name, std::move(value)}); };
    row("layout",
        r.store.layout + (r.journal_mode.empty() ? "" : fmt::format(", {} journal", r.journal_mode)));
    std::string file = bytes(r.store.file_bytes);
    if (!style.raw_bytes && r.store.file_bytes >= 1024)
        file += fmt::format(" ({} bytes)", group_digits(r.store.file_bytes));
    file += fmt::format(", pages of {}", r.store.page_size);
    if (r.wal_bytes > 0) file += ", -wal " + bytes(r.wal_bytes);
    if (r.journal_bytes > 0) file += ", -journal " + bytes(r.journal_bytes);
    row(r.dqlite ? "database" : "file", file);
    row("revisions",
        fmt::format("current {}, {}{}", r.current,
                    r.compacted < 0 ? "never compacted" : fmt::format("compacted to {}", r.compacted),
                    r.oldest ? fmt::format(", oldest stored {}", *r.oldest) : ""));
    row("rows", fmt::format("{}, {} of them {}{}", many(r.revisions, "revision"), group_digits(r.tombstones),
                            r.tombstones == 1 ? "a tombstone" : "tombstones",
                            r.gaps.value_or(0) > 0 ? ", " + many(*r.gaps, "gap") : ""));
    row("keys", fmt::format("{}, {} of them live", group_digits(r.keys), group_digits(r.live_keys)));
    if (r.leases > 0) row("leases", group_digits(r.leases) + (r.etcd ? seconds(*r.etcd) : std::string()));
    if (r.etcd) write_etcd(*r.etcd, row, bytes);
    if (r.dqlite) write_dqlite(*r.dqlite, row, bytes);
    if (r.consistent_index) row("applied", fmt::format("raft index {}", *r.consistent_index));
    if (r.raft_log && !r.dqlite) {
        const raft::Layout& l = r.raft_log->after.after;
        const std::string span = l.entries > 0 ? fmt::format(", {} to {}", l.first_index, l.last_index) : "";
        row("raft log", fmt::format("{}{}, behind {}", many(l.entries, "entry"), span, l.snapshot.index));
    }
    if (r.pending) row("pending", r.pending_text);
    for (const auto& [pid, command] : r.in_use_by)
        row("in use by", fmt::format("pid {} {}", pid, escape(command)));
    t.write(out);
    write_space(out, r, style);
    write_hints(out, r.hints, style);
}

void write_json(std::ostream& out, const std::vector<StatusReport>& reports, bool several) {
    if (!several) {
        write_document(out, status_json(reports.front()));
        return;
    }
    out << "[";
    for (std::size_t i = 0; i < reports.size(); ++i)
        out << (i == 0 ? "\n" : ",\n") << "  " << status_json(reports[i]).dump();
    out << "\n]\n";
}

void write_jsonl(std::ostream& out, const StatusReport& report) {
    out << status_json(report).dump() << '\n';
}

}  // namespace kvctl::report
