#include "kvctl/raft/storage.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "tests/support/data.hpp"

using namespace kvctl;
using nlohmann::json;

namespace {

std::string bytes_of(const json& text) {
    return base64_decode(text.get<std::string>()).value();
}

raft::Entry entry_of(const json& j) {
    raft::Entry e;
    e.index = LogIndex{j.at("index").get<std::uint64_t>()};
    e.term = Term{j.at("term").get<std::uint64_t>()};
    e.type = j.at("type") == "conf_change" ? raft::EntryType::conf_change : raft::EntryType::normal;
    e.data_present = !j.at("data").is_null();
    if (e.data_present) e.data = bytes_of(j.at("data"));
    return e;
}

raft::ConfState conf_state_of(const json& j) {
    raft::ConfState c;
    c.voters = j.at("voters").get<std::vector<std::uint64_t>>();
    c.learners = j.at("learners").get<std::vector<std::uint64_t>>();
    return c;
}

raft::Snapshot snapshot_of(const json& j) {
    return {{LogIndex{j.at("index").get<std::uint64_t>()}, Term{j.at("term").get<std::uint64_t>()}},
            conf_state_of(j.at("conf_state")),
            bytes_of(j.at("data"))};
}

raft::StorageStatus status_of(const json& step) {
    const auto name = step.at("error").get<std::string>();
    for (const auto& [text, status] : std::initializer_list<std::pair<const char*, raft::StorageStatus>>{
             {"", raft::StorageStatus::ok},
             {"compacted", raft::StorageStatus::compacted},
             {"unavailable", raft::StorageStatus::unavailable},
             {"snap_out_of_date", raft::StorageStatus::snapshot_out_of_date}}) {
        if (name == text) return status;
    }
    FAIL("an unknown outcome: " << name);
    return raft::StorageStatus::ok;
}

LogIndex index_of(const json& step, const char* name) {
    return LogIndex{step.at(name).get<std::uint64_t>()};
}

// Carries one step out and compares its outcome. Throws what the storage throws.
void carry_out(raft::MemoryStorage& log, const json& step) {
    const auto op = step.at("op").get<std::string>();
    const bool panics = step.contains("panic");
    const auto status = status_of(step);
    if (op == "append") {
        std::vector<raft::Entry> entries;
        for (const json& e : step.value("entries", json::array())) entries.push_back(entry_of(e));
        std::vector<raft::EntryView> views;
        for (const raft::Entry& e : entries) views.push_back(e.view());
        log.append(views);
    } else if (op == "compact") {
        const auto answer = log.compact(index_of(step, "index"));
        CHECK(answer == status);
    } else if (op == "term") {
        const auto answer = log.term(index_of(step, "index"));
        // Far above the log etcd's arithmetic wraps round and it panics; here that is above the log like any
        // other.
        CHECK(answer.status == (panics ? raft::StorageStatus::unavailable : status));
        if (step.contains("value")) CHECK(answer.term == Term{step.at("value").get<std::uint64_t>()});
        if (panics) throw Error(ErrorKind::refused, "");
    } else if (op == "create_snapshot") {
        std::optional<raft::ConfState> conf_state;
        if (step.contains("conf_state")) conf_state = conf_state_of(step.at("conf_state"));
        const auto answer =
            log.create_snapshot(index_of(step, "index"), conf_state, bytes_of(step.at("data")));
        CHECK(answer == status);
        if (step.contains("result")) CHECK(log.snapshot() == snapshot_of(step.at("result")));
    } else if (op == "apply_snapshot") {
        const auto answer = log.apply_snapshot(snapshot_of(step.at("snapshot")));
        CHECK(answer == status);
    } else if (op == "entries") {
        const auto answer =
            log.entries(index_of(step, "lo"), index_of(step, "hi"), step.at("max_size").get<std::uint64_t>());
        CHECK(answer.status == status);
        std::vector<std::uint64_t> indexes;
        std::vector<std::uint64_t> sizes;
        for (const raft::EntryView& e : answer.entries) {
            indexes.push_back(e.index.value());
            sizes.push_back(raft::encoded_size(e));
            std::string encoded;
            raft::append_encoded(encoded, e);
            CHECK(encoded.size() == sizes.back());
            CHECK(raft::decode_entry(encoded) == e);
        }
        CHECK(indexes == step.value("indexes", std::vector<std::uint64_t>{}));
        CHECK(sizes == step.value("sizes", std::vector<std::uint64_t>{}));
    } else if (op == "first_index") {
        CHECK(log.first_index() == index_of(step, "value"));
    } else {
        REQUIRE(op == "last_index");
        CHECK(log.last_index() == index_of(step, "value"));
    }
}

void compare_state(const raft::MemoryStorage& log, const json& state) {
    CHECK(log.first_index() == index_of(state, "first_index"));
    CHECK(log.last_index() == index_of(state, "last_index"));
    CHECK(log.dummy().term == Term{state.at("dummy_term").get<std::uint64_t>()});
    std::vector<raft::Entry> entries;
    for (const json& e : state.at("entries")) entries.push_back(entry_of(e));
    CHECK(log.all() == entries);
    CHECK(log.snapshot() == snapshot_of(state.at("snapshot")));
}

}  // namespace

TEST_CASE("raft storage: every recorded case of etcd's own storage") {
    std::ifstream in(kvctl::test::testdata("raftlogs/memory_storage.json"));
    const json file = json::parse(in);
    CHECK(file.at("cases").size() == 60);
    for (const json& c : file.at("cases")) {
        const auto name = c.at("name").get<std::string>();
        CAPTURE(name);
        raft::MemoryStorage log;
        std::size_t number = 0;
        for (const json& step : c.at("steps")) {
            CAPTURE(number);
            ++number;
            if (step.contains("panic")) {
                const raft::MemoryStorage before = log;
                CHECK_THROWS_AS(carry_out(log, step), Error);
                CHECK(log.all() == before.all());
                CHECK(log.dummy() == before.dummy());
                CHECK(log.snapshot() == before.snapshot());
            } else {
                carry_out(log, step);
                compare_state(log, step.at("state"));
            }
        }
    }
}

TEST_CASE("raft storage: an append of entries that are not consecutive is refused") {
    raft::MemoryStorage log;
    CHECK_THROWS_WITH_AS(
        log.append({{LogIndex{1}, Term{1}, {}, {}, false}, {LogIndex{3}, Term{1}, {}, {}, false}}),
        "raft log: an entry 3 behind entry 1 is outside the log, which is empty behind index 0", Error);
    CHECK(log.all().empty());
}
