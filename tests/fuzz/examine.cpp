#include "tests/fuzz/examine.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/explain.hpp"
#include "kvctl/mvcc/hash.hpp"
#include "kvctl/store/check.hpp"
#include "kvctl/store/open.hpp"
#include "tests/fuzz/plain.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/sqlite_edit.hpp"
#include "tests/support/both_readers.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::fuzz {
namespace {

namespace fs = std::filesystem;
using store::Layout;

mvcc::CompactionRules rules_for(const store::Store& store, unsigned choice) {
    if (store.traits().own_rules) return *store.traits().own_rules;
    return choice % 2 == 0 ? mvcc::classic_rules() : mvcc::keep_at_rev_rules();
}

bool check(store::Store& store, const mvcc::CompactionRules& rules) {
    store::CheckRequest request;
    request.rules = rules;
    try {
        const store::CheckResult result = store::check_store(store, request);
        return std::all_of(result.findings.begin(), result.findings.end(),
                           [](const Finding& f) { return f.severity == Finding::Severity::info; });
    } catch (const Error& e) {
        promise(e.kind() == ErrorKind::io || e.kind() == ErrorKind::busy,
                std::string("check gave up: ") + e.what());
        return false;
    }
}

// Some revision from the compact revision to one beyond the current.
MainRevision target_of(const store::StoreHead& head, unsigned choice) {
    const auto from = static_cast<std::uint64_t>(head.compacted.value());
    const std::uint64_t span = static_cast<std::uint64_t>(head.current.value()) - from;
    const std::uint64_t step = span < 64 ? (choice >> 1) % (span + 1) : span / 64 * ((choice >> 1) % 65);
    return MainRevision(static_cast<std::int64_t>(from + step));
}

void examine_plan(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    promise(plan.before.revisions == plan.removed.revisions + plan.kept.revisions &&
                plan.before.tombstones == plan.removed.tombstones + plan.kept.tombstones &&
                plan.before.bytes == plan.removed.bytes + plan.kept.bytes,
            "the plan's counts do not add up");
    std::uint64_t removed = 0;
    index.for_each_row(0, index.slot_end(),
                       [&](mvcc::Slot s) { removed += plan.removed_slots.contains(s) ? 1 : 0; });
    promise(removed == plan.removed.revisions, "the plan removes other rows than it counts");
    if (plan.kind != mvcc::CompactionPlan::Kind::compact) return;
    std::uint64_t listed = 0;
    mvcc::RemovedRows(index, plan).for_each([&](const mvcc::RemovedRow&) { ++listed; });
    promise(listed == removed, "the list of removed rows is not the plan's");
    for (const mvcc::KeyId id : index.sorted_keys()) {
        for (const mvcc::Explained& e : mvcc::explain_key(index, plan, id)) {
            promise(e.removed == plan.removed_slots.contains(e.slot), "explain and the plan disagree");
        }
    }
}

void hash(store::Store& store, const mvcc::CompactionRules& rules, const store::StoreHead& head,
          MainRevision at) {
    mvcc::KvHash::Request request;
    request.rules = rules;
    request.current = head.current;
    request.compacted = head.compacted;
    request.at = at;
    request.per_key = true;
    mvcc::KvHash hash(request);
    store.every_record([&](const mvcc::Record& r) { hash.add(r); }, [&] { hash.restart(); });
    (void)hash.finish();
}

// A sound store: kvctl must see the rows SQLite sees.
void compare(const PlainStore& plain, store::Store& store, const mvcc::TreeIndex& index) {
    std::vector<mvcc::Slot> slots;
    index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) { slots.push_back(s); });
    promise(slots.size() == plain.rows.size(), "another number of rows than SQLite reads");
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const PlainRow& row = plain.rows[i];
        const mvcc::Revision r = index.revision(slots[i]);
        promise(std::pair(r.main, r.sub) == row.revision, "other revisions than SQLite reads");
        const mvcc::KeyId key = index.key_of(slots[i]);
        if (key >= mvcc::k_gap_key) continue;
        promise(index.key(key) == row.key && index.is_tombstone(slots[i]) == row.tombstone,
                "another row than SQLite reads");
        const std::optional<mvcc::Record> record = store.record(r);
        promise(record && record->key == row.key && (row.tombstone || record->value == row.value),
                "another value than SQLite reads");
    }
}

bool contains(const std::map<std::string, std::string>& all, const std::map<std::string, std::string>& part) {
    return std::all_of(part.begin(), part.end(), [&](const auto& entry) {
        const auto found = all.find(entry.first);
        return found != all.end() && found->second == entry.second;
    });
}

// The first number behind `name` in `where`'s object of a report.
std::optional<std::uint64_t> number_in(const std::string& json, const std::string& object,
                                       const std::string& name) {
    const std::size_t start = json.find("\"" + object + "\"");
    if (start == std::string::npos) return std::nullopt;
    const std::string wanted = "\"" + name + "\":";
    const std::size_t at = json.find(wanted, start);
    if (at == std::string::npos) return std::nullopt;
    return std::strtoull(json.c_str() + at + wanted.size(), nullptr, 10);
}

// What a run that ended with 0 or was refused has left in `after`, compared with what was there before.
void judge(const test::Result& run, const PlainStore& before, const std::string& after_path, bool sound,
           Examined& result) {
    if (run.code != 0) return;
    const std::optional<PlainStore> after = read_plain(after_path, result.layout);
    promise(after.has_value(), "SQLite cannot read the compacted store");
    promise(contains(after->live(), before.live()) && contains(before.live(), after->live()),
            "live keys are not what they were");
    const auto removed = number_in(run.out, "removed", "revisions");
    promise(removed.has_value(), "the report has no count of removed revisions");
    promise(after->rows.size() + *removed == before.rows.size(),
            "of " + std::to_string(before.rows.size()) + " rows " + std::to_string(after->rows.size()) +
                " are left, and the report says that " + std::to_string(*removed) + " went");
    if (sound) promise(plain_sound(after_path), "the compacted store is not sound");
    result.compacted = true;
}

// The bytes of a store and of its -wal.
std::pair<std::string, std::string> content(const std::string& path) {
    const std::string wal = path + "-wal";
    return {test::read_file(path), fs::exists(wal) ? test::read_file(wal) : ""};
}

void compact(const std::string& path, const std::string& revision, unsigned choice, bool in_place,
             Examined& result) {
    remove_store(path + ".new");  // of a run that broke a promise
    const auto bytes = content(path);
    std::vector<std::string> args{"compact", "--timeout", "0", "--rev", revision, "-w", "json"};
    if (choice % 8 == 3 && result.layout == Layout::kine) args.emplace_back("--drop-old-values");
    const std::optional<PlainStore> before = read_plain(path, result.layout);
    if (in_place) {
        if (choice % 4 == 0) args.insert(args.end(), {"--strategy", "in-place"});
        if (choice % 4 == 1) args.insert(args.end(), {"--strategy", "rewrite"});
        if (choice % 4 == 2) args.insert(args.end(), {"--batch", "2"});
        if (choice % 4 == 3) args.emplace_back("--vacuum");
        args.push_back(path);
    } else {
        args.insert(args.end(), {"-o", path + ".new", path});
    }
    std::optional<std::uint64_t> predicted;
    if (choice % 8 < 4) {
        const test::Result dry =
            test::run_cli({"compact", "--rev", revision, "-w", "json", "--dry-run", path});
        promise(dry.code != 1, "a dry run ended with 1: " + dry.err);
        promise(content(path) == bytes, "a dry run changed the store");
        if (dry.code == 0) predicted = number_in(dry.out, "removed", "revisions");
    }
    const test::Result run = test::run_cli(args);
    if (run.code == 0 && predicted) {
        promise(number_in(run.out, "removed", "revisions") == predicted, "a dry run said something else");
    }
    const bool refused = run.code == 4 || run.code == 5 || run.code == 6 || run.code == 7;
    promise(run.code == 0 || refused, "compact ended with " + std::to_string(run.code) + ": " + run.err);
    const bool changed = content(path) != bytes;
    if (in_place) {
        // Batches are committed one by one, --vacuum comes behind the compaction, and whoever opens a -wal to
        // write may bring it into the file.
        if (run.code != 0 && changed) {
            promise(choice % 4 >= 2 || !bytes.second.empty(),
                    "a compaction that was refused changed the store");
            const std::optional<PlainStore> after = read_plain(path, result.layout);
            promise(!before || (after && after->live() == before->live()),
                    "a run that failed lost live keys");
        }
        if (before) judge(run, *before, path, result.sound, result);
    } else {
        promise(!changed, "a store that is only read was changed");
        if (before) judge(run, *before, path + ".new", result.sound, result);
        promise(run.code == 0 || !fs::exists(path + ".new"), "a failed run left a file");
        remove_store(path + ".new");
    }
}

// The commands with a way of their own through a store.
void run_command(const std::string& path, unsigned choice) {
    const std::vector<std::vector<std::string>> commands{{"status"},
                                                         {"status", "-w", "json"},
                                                         {"du", "--depth", "2"},
                                                         {"index"},
                                                         {"history", "/registry/a"},
                                                         {"get", "--prefix", "/"},
                                                         {"explain", "--at", "3"},
                                                         {"export"},
                                                         {"vacuum", "--dry-run"},
                                                         {"raft"},
                                                         {"compact", "--target-size", "1K", "--dry-run"},
                                                         {"check", "-w", "jsonl"}};
    std::vector<std::string> args = commands[choice % commands.size()];
    args.push_back(path);
    const test::Result run = test::run_cli(args);
    promise(run.code != 1, args.front() + " ended with 1: " + run.err);
}

}  // namespace

void examine_store(store::Store& store, unsigned choice, Depth depth, Examined& result) {
    const mvcc::CompactionRules rules = rules_for(store, choice);
    const bool deep = depth == Depth::deep;
    if (depth != Depth::shallow) result.sound = check(store, rules);
    const bool well = survives([&] {
        const store::StoreHead head = store.head();
        Findings findings;
        const mvcc::TreeIndex index = store.load(rules, findings, nullptr);
        const MainRevision at = target_of(head, choice);
        const mvcc::CompactionPlan plan = mvcc::plan_compaction(
            index, {head.current, head.compacted, head.pending() ? head.scheduled : std::nullopt}, at);
        examine_plan(index, plan);
        if (!deep) return;
        (void)store.leases();
        (void)store.meta();
        for (const mvcc::KeyId id : index.sorted_keys()) (void)index.key_index(id).generations();
        if (store.info().layout != Layout::kine && at > head.compacted) hash(store, rules, head, at);
        if (!index.sorted_keys().empty())
            (void)store.load_key(index.key(index.sorted_keys().front()), rules, findings);
        if (!result.sound || store.info().layout == Layout::bbolt) return;
        const std::optional<PlainStore> plain = read_plain(store.info().real_path, store.info().layout);
        promise(plain.has_value(), "check is content, but SQLite cannot read the rows");
        compare(*plain, store, index);
    });
    promise(well || !result.sound, "check is content, but reading fails");
    if (store.info().layout == Layout::bbolt || depth == Depth::shallow) return;
    const std::string difference = test::read_both_ways(store, rules).difference;
    promise(difference.empty(), "pages and SQLite tell of different rows: " + difference);
}

std::unique_ptr<store::Store> open_at_once(const std::string& path) {
    store::OpenOptions options;
    options.timeout_ms = 0;
    return store::open_store(path, options);
}

void glance(const std::string& path, unsigned choice, Depth depth) {
    survives([&] {
        Examined ignored;
        examine_store(*open_at_once(path), choice, depth, ignored);
    });
}

Examined examine(const std::string& path, unsigned choice, Work work) {
    Examined result;
    std::string revision;
    survives([&] {
        const std::unique_ptr<store::Store> store = open_at_once(path);
        result.opened = true;
        result.layout = store->info().layout;
        examine_store(*store, choice, Depth::deep, result);
        survives([&] { revision = std::to_string(target_of(store->head(), choice).value()); });
    });
    if (choice % 4 == 1) run_command(path, choice >> 2);
    if (work != Work::read && !revision.empty() && revision[0] != '-')
        compact(path, revision, choice >> 5, work == Work::compact_itself, result);
    return result;
}

}  // namespace kvctl::fuzz
