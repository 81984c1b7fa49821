#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raft/storage.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/write_jsonl.hpp"
#include "tests/support/data.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

constexpr const char* k_names[] = {"etcd-3.4-small", "etcd-3.4-segments"};

// One real data folder, unpacked, and what is recorded of it.
struct Real {
    TempDir temp;
    std::string folder;
    std::string data;
    json expected;

    static bool available() { return shared("realdata").has_value(); }
    explicit Real(const std::string& name) : folder(shared("realdata").value()), data(temp.file(name)) {
        const std::string command =
            "tar -xzf '" + folder + "/" + name + ".tar.gz' -C '" + temp.path().string() + "'";
        REQUIRE(std::system(command.c_str()) == 0);
        std::ifstream in(folder + "/" + name + ".expected.json");
        expected = json::parse(in);
    }
};

LogIndex index_of(const json& j) {
    return LogIndex{j.get<std::uint64_t>()};
}
Term term_of(const json& j) {
    return Term{j.get<std::uint64_t>()};
}

Findings audit(raftlog::Source& source, const ReadLog& log) {
    const raftlog::Header& h = source.header();
    raft::AuditOptions o{h.snapshot,        h.snapshot_stored,        h.hard_state, {},
                         h.newest_snapshot, h.expect_snapshot_record, h.filtered,   !h.has_data};
    raft::Audit a(o);
    for (const auto& e : log.facts) a.add(e);
    return a.finish();
}

}  // namespace

TEST_CASE("raft log real data: the wal directory is read exactly") {
    if (!Real::available()) return;
    for (const char* const name : k_names) {
        CAPTURE(std::string(name));
        const Real real(name);
        const json& wal = real.expected.at("wal");
        const auto source = raftlog::open(real.data);
        const raftlog::Header& h = source->header();
        CHECK(h.kind == raftlog::SourceKind::wal);
        CHECK(h.node_id == wal.at("metadata").at("node_id").get<std::uint64_t>());
        CHECK(h.cluster_id == wal.at("metadata").at("cluster_id").get<std::uint64_t>());
        const json& hard = wal.at("hard_state");
        CHECK(h.hard_state == raft::HardState{term_of(hard.at("term")), hard.at("vote").get<std::uint64_t>(),
                                              index_of(hard.at("commit"))});
        CHECK(h.snapshot.index == index_of(wal.at("read_from").at("index")));
        CHECK(h.newest_snapshot->index ==
              index_of(real.expected.at("raft").at("on_open").at("snapshot_index")));
        const ReadLog log = read_log(*source);
        CHECK(log.findings.empty());
        CHECK(audit(*source, log).empty());
        const json& entries = wal.at("entries");
        REQUIRE(log.entries.size() == entries.size());
        for (std::size_t i = 0; i < entries.size(); ++i) {
            CAPTURE(i);
            const json& e = entries[i];
            CHECK(log.facts[i].index == index_of(e.at("index")));
            CHECK(log.facts[i].term == term_of(e.at("term")));
            CHECK((log.facts[i].type == raft::EntryType::normal) == (e.at("type") == "normal"));
            CHECK(raft::name_of(log.facts[i].request) == e.at("kind").get<std::string>());
            CHECK(log.entries[i].data == base64_decode(e.at("data").get<std::string>()));
            CHECK(raft::decode_request(log.entries[i].view()).kind == log.facts[i].request);
        }
    }
}

TEST_CASE("raft log real data: the requests decode to what is recorded") {
    if (!Real::available()) return;
    for (const char* const name : k_names) {
        const Real real(name);
        const auto source = raftlog::open(real.data + "/member");
        const ReadLog log = read_log(*source);
        std::size_t checked = 0;
        for (const json& e : real.expected.at("wal").at("entries")) {
            const raft::Entry& entry = log.entries.at(e.at("index").get<std::size_t>() - 1);
            const raft::Request r = raft::decode_request(entry.view());
            const json& d = e.at("detail");
            const auto bytes = [&](const char* field) { return base64_decode(d.value(field, "")).value(); };
            if (const auto* put = std::get_if<raft::Put>(&r.body)) {
                CHECK(put->key == bytes("key"));
                CHECK(put->value == bytes("value"));
                CHECK(put->lease == d.value("lease", std::int64_t{0}));
            } else if (const auto* del = std::get_if<raft::DeleteRange>(&r.body)) {
                CHECK(del->key == bytes("key"));
                CHECK(del->range_end == bytes("range_end"));
            } else if (const auto* compaction = std::get_if<raft::Compaction>(&r.body)) {
                CHECK(compaction->revision == d.at("revision").get<std::int64_t>());
            } else {
                continue;
            }
            ++checked;
        }
        CHECK(checked > 300);
    }
}

TEST_CASE("raft log real data: the log a starting server loads, compacted at several indexes") {
    if (!Real::available()) return;
    for (const char* const name : k_names) {
        CAPTURE(std::string(name));
        const Real real(name);
        const auto source = raftlog::open(real.data + "/member/wal");
        const raft::SnapshotMeta newest = source->header().newest_snapshot.value();
        const ReadLog log = read_log(*source);
        raft::MemoryStorage storage(newest);
        std::vector<raft::EntryView> views;
        std::vector<raft::EntryFacts> facts;
        for (std::size_t i = 0; i < log.entries.size(); ++i) {
            views.push_back(log.entries[i].view());
            if (log.facts[i].index > newest.index) facts.push_back(log.facts[i]);
        }
        storage.append(views);
        const auto compare = [](const raft::Layout& layout, const json& state) {
            CHECK(layout.first_index == index_of(state.at("first_index")));
            CHECK(layout.last_index == index_of(state.at("last_index")));
            CHECK(layout.snapshot.term == term_of(state.at("dummy_term")));
            CHECK(layout.entries == state.at("entries").get<std::uint64_t>());
            CHECK(layout.bytes == state.at("entry_bytes").get<std::uint64_t>());
        };
        const raft::Dummy dummy{newest.index, newest.term};
        compare(raft::compact_layout(dummy, facts, newest.index).after,
                real.expected.at("raft").at("on_open"));
        for (const json& c : real.expected.at("raft").at("compactions_on_open")) {
            const LogIndex at = index_of(c.at("index"));
            CAPTURE(at);
            raft::MemoryStorage copy = storage;
            if (c.contains("panic")) {
                CHECK_THROWS(static_cast<void>(copy.compact(at)));
                continue;
            }
            const bool compacted = copy.compact(at) == raft::StorageStatus::compacted;
            CHECK(compacted == (c.at("error") == "compacted"));
            compare(raft::compact_layout(dummy, facts, at).after, c.at("state"));
            CHECK(copy.first_index() == index_of(c.at("state").at("first_index")));
        }
    }
}

TEST_CASE("raft log real data: etcd-dump-logs prints the same entries") {
    if (!Real::available()) return;
    for (const char* const name : k_names) {
        const Real real(name);
        const json& entries = real.expected.at("wal").at("entries");
        const std::uint64_t on_open =
            real.expected.at("raft").at("on_open").at("first_index").get<std::uint64_t>();
        struct Variant {
            const char* suffix;
            std::uint64_t from;
            std::vector<std::string> kinds;
        };
        for (const Variant& v :
             std::vector<Variant>{{"", on_open, {}},
                                  {"-all", 2, {}},
                                  {"-types", 2, {"compaction", "conf_change", "lease_grant"}}}) {
            CAPTURE(v.suffix);
            const auto source = raftlog::open(real.folder + "/" + name + ".dump-logs" + v.suffix + ".txt");
            CHECK(source->header().filtered == !v.kinds.empty());
            const ReadLog log = read_log(*source);
            CHECK(log.findings.empty());
            CHECK(audit(*source, log).empty());
            std::size_t i = 0;
            for (const json& e : entries) {
                const auto kind = e.at("kind").get<std::string>();
                const bool printed =
                    v.kinds.empty() || std::find(v.kinds.begin(), v.kinds.end(), kind) != v.kinds.end();
                if (!printed || e.at("index").get<std::uint64_t>() < v.from) continue;
                REQUIRE(i < log.facts.size());
                CHECK(log.facts[i].index == index_of(e.at("index")));
                CHECK(log.facts[i].term == term_of(e.at("term")));
                CHECK(raft::name_of(log.facts[i].request) == kind);
                ++i;
            }
            CHECK(i == log.facts.size());
        }
    }
}

TEST_CASE("raft log real data: a wal written as JSON Lines is the same log") {
    if (!Real::available()) return;
    const Real real(k_names[1]);
    const auto wal = raftlog::open(real.data);
    raftlog::write_compacted(*wal, LogIndex{0}, real.temp.file("log.jsonl"));
    const auto jsonl = raftlog::open(real.temp.file("log.jsonl"));
    CHECK(jsonl->header().hard_state == wal->header().hard_state);
    CHECK(jsonl->header().snapshot == wal->header().snapshot);
    const ReadLog a = read_log(*wal);
    const ReadLog b = read_log(*jsonl);
    CHECK(a.facts == b.facts);
    CHECK(a.entries == b.entries);
}
