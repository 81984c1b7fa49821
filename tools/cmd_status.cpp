#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/report/status_report.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/open.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/compact_options.hpp"
#include "tools/log_access.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/sizes.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {
namespace {

std::vector<std::pair<int, std::string>> holders_of(const std::string& path) {
    const std::string real_path = store::resolve_path(path);
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) return {};
    const sqlite::Holders holders =
        sqlite::find_holders(S_ISDIR(st.st_mode) ? real_path + "/member/snap/db" : real_path, true);
    std::vector<pid_t> pids = holders.locking;
    for (const pid_t pid : holders.open) {
        if (std::find(pids.begin(), pids.end(), pid) == pids.end()) pids.push_back(pid);
    }
    std::vector<std::pair<int, std::string>> all;
    for (const pid_t pid : pids) {
        std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
        std::string name;
        std::getline(comm, name);
        all.emplace_back(pid, name);
    }
    return all;
}

void add_bytes(const mvcc::TreeIndex& index, report::StatusReport& r) {
    std::vector<mvcc::Slot> newest(index.key_count(), mvcc::k_no_slot);
    index.for_each_block(0, index.slot_end(), [&](const mvcc::TreeIndex::Columns& c) {
        for (mvcc::Slot i = 0; i < c.count; ++i) {
            if (c.key[i] < mvcc::k_gap_key && c.tombstone(i)) {
                r.tombstone_bytes += c.bytes[i];
            } else {
                r.history_bytes += c.bytes[i];
            }
            if (c.key[i] < mvcc::k_gap_key) newest[c.key[i]] = c.base + i;
        }
    });
    for (const mvcc::Slot s : newest) {
        if (s == mvcc::k_no_slot || index.is_tombstone(s)) continue;
        r.live_bytes += index.bytes_of(s);
        r.history_bytes -= index.bytes_of(s);
    }
}

void add_hints(store::Store& store, const store::StoreHead& head, const mvcc::TreeIndex& index,
               report::StatusReport& r) {
    const store::StoreInfo& info = store.info();
    if (r.etcd) {
        for (const report::EtcdStatus::Alarm& a : r.etcd->alarms)
            r.hints.push_back(a.text + ": " + store::k_way_out_of_alarm);
    }
    if (r.pending && !head.marked_by_restore && info.layout != store::Layout::bbolt) {
        r.hints.emplace_back("finish the compaction that was cut short: kvctl compact --rev " +
                             std::to_string(head.scheduled->value()) + " " + shell_quoted(info.path));
    }
    if (r.free_bytes * 4 > info.file_bytes && r.free_bytes > std::uint64_t{1024} * 1024) {
        r.hints.push_back(format_bytes(r.free_bytes) +
                          " are free inside the file: kvctl vacuum gives them back");
    }
    if (r.history_bytes > r.live_bytes && r.revisions > 2000) {
        r.hints.emplace_back(
            "more history than live data: see what kvctl compact --keep-last 1000 --dry-run would free");
    }
    if (info.wal_bytes > info.file_bytes / 2 && info.wal_bytes > 64ULL * 1024 * 1024) {
        r.hints.emplace_back(
            "the -wal is large: a checkpoint was kept from finishing, often by a long reader");
    }
    if (info.journal_bytes > 0 && r.in_use_by.empty())
        r.hints.emplace_back("a -journal lies beside the file: its transaction was cut short");
    auto* const kine = dynamic_cast<store::KineStore*>(&store);
    if (kine == nullptr) return;
    if (head.bookkeeping_rows != 1) {
        r.hints.push_back(
            std::to_string(head.bookkeeping_rows) +
            " rows hold the compact revision; kine needs exactly one, and kvctl compact leaves one");
    }
    if (const auto rows = kine->legacy_rows()) {
        r.hints.push_back("the old table key_value is still there with " + std::to_string(*rows) +
                          " rows; kine no longer reads it");
    }
    std::uint64_t above = 0;
    index.for_each_row(index.upper_bound(head.compacted), index.slot_end(), [&](mvcc::Slot) { ++above; });
    std::uint64_t bookkeeping = 0;
    for (const std::int64_t id : kine->compact_rows()) bookkeeping += id > head.compacted.value() ? 1 : 0;
    const auto span =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, head.current.value() - head.compacted.value()));
    if (span > above + bookkeeping) {
        r.hints.push_back(
            std::to_string(span - above - bookkeeping) +
            " revisions above the compact revision have no row; a server fills them with gap rows");
    }
    if (kine->table().indexes.size() < 5) {
        r.hints.emplace_back("some of kine's indexes are missing; the next start of a newer kine makes them");
    }
}

report::EtcdStatus etcd_status(const store::EtcdFacts& facts) {
    report::EtcdStatus e;
    e.cluster_version = facts.cluster_version;
    e.storage_version = facts.storage_version;
    for (const auto& m : facts.members) e.members.push_back({m.id, m.name, m.learner});
    for (const auto& a : facts.alarms) e.alarms.push_back({a.member, a.type, a.text()});
    e.leases = facts.leases.count;
    e.ttl_min = facts.leases.ttl_min;
    e.ttl_max = facts.leases.ttl_max;
    for (const auto& b : facts.buckets) e.buckets.push_back({b.name, b.keys, b.bytes, b.pages});
    return e;
}

report::StatusReport status_of(const Parsed& parsed, const std::string& path, Progress* progress) {
    report::StatusReport r;
    // Before the store is opened: this closes a descriptor of the file, and with it SQLite's locks would go.
    r.in_use_by = holders_of(path);
    OpenedStore opened = open_for_command(parsed, path);
    store::Store& store = *opened.store;
    const store::StoreInfo& info = store.info();
    Findings findings;
    const mvcc::TreeIndex index = store.load(opened.rules, findings, progress);
    Findings told = store.notices();
    findings.insert(findings.begin(), told.begin(), told.end());
    r.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
               info.free_pages};
    r.wal_bytes = info.wal_bytes;
    r.journal_bytes = info.journal_bytes;
    if (info.layout != store::Layout::bbolt) r.journal_mode = info.wal_mode ? "wal" : "rollback";
    const store::StoreHead& head = opened.head;
    r.current = head.current.value();
    r.compacted = head.compacted.value();
    if (head.scheduled) r.scheduled = head.scheduled->value();
    if (head.finished) r.finished = head.finished->value();
    if (index.slot_end() > 0) r.oldest = index.revision(0).main;
    r.revisions = index.total().revisions;
    r.tombstones = index.total().tombstones;
    r.gaps = index.total().gaps;
    r.keys = index.total().keys;
    r.live_keys = index.live_keys();
    r.leases = store.leases().size();
    r.free_bytes = info.free_pages * info.page_size;
    if (head.consistent_index) r.consistent_index = head.consistent_index->value();
    r.pending = head.pending();
    r.pending_text = head.pending_text() + (info.layout == store::Layout::bbolt && !head.marked_by_restore
                                                ? "; the server finishes it at its next start"
                                                : "");
    if (const auto facts = store.etcd_facts()) r.etcd = etcd_status(*facts);
    r.meta = store.meta();
    add_bytes(index, r);
    if (const auto source = log_of(store, path, static_cast<int>(timeout_of(parsed).count()))) {
        r.raft_log = read_log(*source, "store", {}, head.consistent_index).facts;
    }
    add_hints(store, head, index, r);
    constexpr std::size_t k_told = 3;
    for (std::size_t i = 0; i < std::min(findings.size(), k_told); ++i)
        r.hints.push_back((findings[i].where.empty() ? "" : findings[i].where + ": ") + findings[i].what);
    if (findings.size() > k_told) {
        r.hints.push_back(std::to_string(findings.size() - k_told) +
                          " more findings: kvctl check names them");
    }
    return r;
}

void write_reports(const std::vector<report::StatusReport>& reports, bool several, const Output& output,
                   Io& io) {
    if (output.quiet || reports.empty()) return;
    if (output.format == Format::json) {
        report::write_json(io.out, reports, several);
        return;
    }
    for (std::size_t i = 0; i < reports.size(); ++i) {
        if (output.format == Format::jsonl) {
            report::write_jsonl(io.out, reports[i]);
        } else {
            if (i > 0) io.out << '\n';
            BoldFirstLine bold(io.out, output.color);
            report::write_text(bold.stream(), reports[i], {output.raw_bytes, output.verbose, format_bytes});
        }
    }
}

}  // namespace

OptionTable status_options() {
    return join({rules_options(), store_options(), output_options()});
}

int status(const Args& args, Io& io) {
    const Parsed parsed = parse(status_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 10000, "STORE...");
    const auto progress = make_progress(output, io);
    std::vector<report::StatusReport> reports;
    std::optional<Error> failed;
    for (const std::string& path : parsed.operands()) {
        // One that cannot be read keeps nobody from seeing the others.
        try {
            reports.push_back(status_of(parsed, path, progress.get()));
        } catch (const Error& e) {
            const bool with_options = e.kind() == ErrorKind::usage || e.kind() == ErrorKind::interrupted;
            if (parsed.operands().size() == 1 || with_options) throw;
            // Text has a line each; JSON one object for all, whose kind is the last one's.
            std::string before;
            if (failed && output.format == Format::text) {
                io.err << "kvctl: " << printable(failed->what()) << '\n';
            } else if (failed) {
                before = std::string(failed->what()) + "; ";
            }
            failed.emplace(e.kind(), before + e.what());
        }
    }
    write_reports(reports, parsed.operands().size() > 1, output, io);
    if (failed) throw Error(*failed);
    return 0;
}

}  // namespace kvctl::cli
