#include "kvctl/raft/audit.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace kvctl;
using raft::RequestKind;

namespace {

struct At {
    std::uint64_t index;
    std::uint64_t term;
    RequestKind request = RequestKind::put;
};

raft::AuditOptions sound_options() {
    raft::AuditOptions o;
    o.snapshot = {LogIndex{4}, Term{1}};
    o.snapshot_stored = true;
    o.hard_state = raft::HardState{Term{3}, 1, LogIndex{8}};
    o.consistent_index = LogIndex{7};
    o.newest_snapshot = raft::SnapshotMeta{LogIndex{4}, Term{1}};
    o.expect_snapshot_record = true;
    return o;
}

std::string codes(const raft::AuditOptions& options, const std::vector<At>& entries) {
    raft::Audit audit(options);
    for (const At& e : entries) {
        audit.add({LogIndex{e.index}, Term{e.term}, raft::EntryType::normal, e.request, 1});
    }
    std::string out;
    for (const Finding& f : audit.finish()) out += (out.empty() ? "" : " ") + f.code;
    return out;
}

const std::vector<At> k_sound = {{5, 1}, {6, 2}, {7, 2}, {8, 3}};

}  // namespace

TEST_CASE("raft audit: a sound log has no findings") {
    CHECK(codes(sound_options(), k_sound).empty());
    CHECK(codes({}, {}).empty());
}

TEST_CASE("raft audit: a commit that lags behind what is applied is no fault") {
    raft::AuditOptions options = sound_options();
    options.hard_state->commit = LogIndex{6};
    CHECK(codes(options, k_sound).empty());
    options.consistent_index = LogIndex{8};
    CHECK(codes(options, k_sound).empty());
    options.consistent_index = LogIndex{9};
    CHECK(codes(options, k_sound) == "consistent-index-above-last-index");
}

TEST_CASE("raft audit: each fault is found") {
    struct Row {
        std::string name;
        void (*change)(raft::AuditOptions&);
        std::vector<At> entries;
        std::string codes;
    };
    const auto nothing = [](raft::AuditOptions&) {};
    const std::vector<Row> rows = {
        {"gap", nothing, {{5, 1}, {7, 2}, {8, 3}}, "index-gap"},
        {"step back", nothing, {{5, 1}, {6, 2}, {6, 2}, {7, 2}, {8, 3}}, "index-step-back"},
        {"falling term", nothing, {{5, 3}, {6, 2}, {7, 3}, {8, 3}}, "term-falls"},
        {"term below the snapshot's", [](raft::AuditOptions& o) { o.snapshot.term = Term{2}; }, k_sound,
         "term-falls"},
        {"gap behind the snapshot", [](raft::AuditOptions& o) { o.snapshot.index = LogIndex{3}; }, k_sound,
         "gap-after-snapshot"},
        {"entry below the snapshot", [](raft::AuditOptions& o) { o.snapshot.index = LogIndex{5}; }, k_sound,
         "entry-below-snapshot"},
        {"snapshot above the end", [](raft::AuditOptions& o) { o.snapshot.index = LogIndex{50}; }, k_sound,
         "entry-below-snapshot snapshot-above-last-index"},
        {"newest snapshot above the end",
         [](raft::AuditOptions& o) {
             o.newest_snapshot = raft::SnapshotMeta{LogIndex{9}, Term{3}};
         },
         k_sound, "snapshot-above-last-index"},
        {"commit above the end", [](raft::AuditOptions& o) { o.hard_state->commit = LogIndex{9}; }, k_sound,
         "commit-above-last-index"},
        {"hard state of an old term", [](raft::AuditOptions& o) { o.hard_state->term = Term{2}; }, k_sound,
         "hard-state-term-below-last"},
        {"consistent index above the end",
         [](raft::AuditOptions& o) {
             o.hard_state.reset();
             o.consistent_index = LogIndex{9};
         },
         k_sound, "consistent-index-above-last-index"},
        {"no snapshot record", [](raft::AuditOptions& o) { o.snapshot_stored = false; }, k_sound,
         "no-snapshot-record"},
        {"undecodable entry",
         nothing,
         {{5, 1}, {6, 2, RequestKind::undecodable}, {7, 2}, {8, 3}},
         "undecodable-entry"},
        {"unknown request",
         nothing,
         {{5, 1}, {6, 2, RequestKind::unknown}, {7, 2}, {8, 3}},
         "unknown-request"},
        {"term 0", nothing, {{5, 0}, {6, 2}, {7, 2}, {8, 3}}, "implausible-position"},
        {"addresses in a printed log",
         [](raft::AuditOptions& o) { o.text_only = true; },
         {{824634302464, 824634302472}, {824634302496, 824634302504}},
         "implausible-position implausible-position"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        raft::AuditOptions options = sound_options();
        row.change(options);
        CHECK(codes(options, row.entries) == row.codes);
    }
}

TEST_CASE("raft audit: a dump that left entries out on purpose has no gaps") {
    raft::AuditOptions options = sound_options();
    options.filtered = true;
    CHECK(codes(options, {{6, 2}, {8, 3}}).empty());
}

TEST_CASE("raft audit: a log broken all over yields a bounded list") {
    raft::Audit audit({});
    for (std::uint64_t i = 1; i < 1000; ++i) {
        audit.add({LogIndex{2 * i}, Term{1}, raft::EntryType::normal, RequestKind::put, 1});
    }
    const Findings findings = audit.finish();
    CHECK(findings.size() == FindingLog::k_kept_per_code + 1);
}
