#include "kvctl/jobs/advice.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/words.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/live.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::uint64_t k_mib = std::uint64_t{1024} * 1024;
constexpr std::size_t k_findings_told = 3;

// "shrinks it 36.5 MiB to 1.4 MiB: frees 35.1 MiB (96 %)", by what a plan leaves; empty where that is not
// foretold, or nothing is gained.
std::string gain_of(store::CompactionModel& model, const store::StoreInfo& info,
                    const mvcc::CompactionPlan& plan) try {
    const auto after = model.file_bytes(plan, {model.strategy(plan, true), false, false});
    if (!after) return {};
    report::TextStyle style;
    style.format_bytes = format_bytes;
    const std::string gained = report::gain(style, info.file_bytes, *after, false);
    return gained.empty() ? "" : "would shrink " + gained;
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::refused) throw;
    return {};
}

}  // namespace

std::vector<Hint> advice(store::Store& store, const store::StoreHead& head, const mvcc::TreeIndex& index,
                         const report::StatusReport& status, const Findings& findings,
                         const store::OpenOptions& open) {
    const store::StoreInfo& info = store.info();
    std::vector<Hint> hints;
    // Whether a run that writes would be let do it just now is for its forecast to say, which always answers.
    const std::string words = store_words(info.path, open);
    const std::string forecast = " --dry-run" + words;
    const std::int64_t keeps = store.kept_by_server();
    // What works beside the server that has it.
    const bool live = store.traits().live && info.wal_mode && !status.in_use_by.empty();
    const std::string beside = fmt::format("kvctl compact --live --keep-last {} --vacuum{}",
                                           std::max(keeps, store::k_kept_beside_server), forecast);
    // A dqlite directory is never written: what a vacuum would do, a new one has done.
    const bool directory = store.traits().names_cluster;
    if (head.pending() && !head.marked_by_restore) {
        const std::string to = fmt::format("kvctl compact --rev {}{}", *head.scheduled, forecast);
        hints.push_back({"pending-compaction",
                         fmt::format("a compaction was cut short; what finishing it takes: {}", to), to});
    }
    if (status.free_bytes * 4 > info.file_bytes && status.free_bytes > k_mib) {
        const std::string gained = gain_of(*store.model(index), info, {});
        const std::string command =
            live        ? beside
            : directory ? fmt::format("kvctl compact --rev {} -o NEWDIR{}",
                                      std::max<std::int64_t>(0, head.compacted.value()), forecast)
                        : "kvctl vacuum" + forecast;
        hints.push_back({"free-space",
                         fmt::format("{} are free inside the {}; {}{}: {}", format_bytes(status.free_bytes),
                                     directory ? "database" : "file", directory ? "a new directory " : "",
                                     gained.empty() ? (directory ? "has none" : "what giving them back takes")
                                                    : (directory ? gained : "a vacuum " + gained),
                                     command),
                         command});
    }
    const std::int64_t span = head.current.value() - std::max<std::int64_t>(0, head.compacted.value());
    if (status.history_bytes > status.live_bytes && span > keeps && status.revisions > 2000) {
        const mvcc::CompactionPlan plan =
            mvcc::plan_compaction(index, {head.current, head.compacted, head.scheduled},
                                  MainRevision(head.current.value() - keeps));
        const std::string gained = gain_of(*store.model(index), info, plan);
        const std::string compact = live ? beside
                                         : fmt::format("kvctl compact --keep-last {} {}{}", keeps,
                                                       directory ? "-o NEWDIR" : "--vacuum", forecast);
        hints.push_back({"history",
                         fmt::format("more history than live data; {}: {}",
                                     gained.empty() ? "what would be freed"
                                                    : fmt::format("keeping the last {} revisions {}",
                                                                  group_digits(keeps), gained),
                                     compact),
                         compact});
    }
    if (info.wal_bytes > info.file_bytes / 2 && info.wal_bytes > 64 * k_mib) {
        hints.push_back({"large-wal",
                         "the -wal is large: a checkpoint was kept from finishing, often by a long reader",
                         {}});
    }
    if (info.journal_bytes > 0 && status.in_use_by.empty()) {
        hints.push_back({"journal", "a -journal lies beside the file: its transaction was cut short", {}});
    }
    for (Hint& h : store.advice(head, index)) hints.push_back(std::move(h));
    const std::string check = "kvctl check" + words;
    for (std::size_t i = 0; i < std::min(findings.size(), k_findings_told); ++i) {
        const Finding& f = findings[i];
        hints.push_back({f.code, (f.where.empty() ? "" : f.where + ": ") + f.what, check});
    }
    if (findings.size() > k_findings_told) {
        hints.push_back(
            {"findings",
             fmt::format("{} named by {}", many(findings.size() - k_findings_told, "more finding"), check),
             check});
    }
    return hints;
}

}  // namespace kvctl::jobs
