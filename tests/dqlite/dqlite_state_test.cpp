#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kvctl/base/error.hpp"
#include "kvctl/dqlite/state.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/data.hpp"
#include "tests/support/dqlite_maker.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;
using namespace kvctl;
using namespace kvctl::test;

namespace {

std::string content_of(dqlite::Image& image) {
    std::string bytes = read_file(image.path());
    bytes[18] = bytes[19] = 1;
    return bytes;
}

// A history in four states of a kine database: the files, and what dqlite would hold.
struct History {
    TempDir folder;
    std::vector<std::string> states;

    History() {
        KineMaker kine;
        for (int round = 0; round < 4; ++round) {
            for (int i = 0; i < 30; ++i)
                kine.put("/k/" + std::to_string(i), std::string(400, static_cast<char>('a' + round)));
            const std::string path = folder.file("state" + std::to_string(round));
            kine.write(path, {.wal = false});
            states.push_back(path);
        }
    }
    [[nodiscard]] std::string data_dir() const { return folder.file("dqlite"); }
};

// Snapshot behind the second state, segments closed around it, the rest in an open one.
DqliteMaker usual(const History& h, bool compressed = true, bool wal = false) {
    DqliteMaker maker;
    maker.commit(h.states[0]);
    maker.close_segment();
    maker.commit(h.states[1]);
    maker.barrier();
    maker.snapshot(compressed, wal);
    maker.close_segment();
    maker.commit(h.states[2]);
    maker.close_segment();
    maker.undo();
    maker.commit(h.states[3]);
    return maker;
}

std::string codes(const Findings& findings) {
    std::string all;
    for (const Finding& f : findings) all += f.code + "@" + f.where + " ";
    return all;
}

}  // namespace

TEST_CASE("dqlite state: snapshot and log give the newest state, in every form of snapshot") {
    const History h;
    for (const bool compressed : {true, false}) {
        for (const bool wal : {true, false}) {
            CAPTURE(compressed);
            CAPTURE(wal);
            fs::remove_all(h.data_dir());
            DqliteMaker maker = usual(h, compressed, wal);
            maker.write(h.data_dir());
            dqlite::State state = dqlite::read_state(h.data_dir());
            CHECK(codes(state.findings).empty());
            REQUIRE(state.databases.size() == 1);
            CHECK(state.databases[0].name() == "k8s");
            CHECK(content_of(state.databases[0]) == read_file(h.states[3]));
            CHECK(state.applied.value() == maker.last_index());
            CHECK(state.first_index.value() == 1);
            CHECK(state.snapshot_compressed == compressed);
            CHECK(state.configuration.size() == 1);
        }
    }
}

TEST_CASE("dqlite state: any index from the oldest snapshot on") {
    const History h;
    DqliteMaker maker = usual(h);
    maker.write(h.data_dir());
    // 1 configuration, 2 open, 3 state 0, 4 state 1, 5 barrier and snapshot, 6 state 2, 7 and 8 undone, 9
    // state 3
    const std::size_t expected[] = {1, 2, 2, 2, 3};
    for (std::uint64_t index = 5; index <= 9; ++index) {
        CAPTURE(index);
        dqlite::State state = dqlite::read_state(h.data_dir(), LogIndex(index));
        CHECK(content_of(state.databases[0]) == read_file(h.states[expected[index - 5]]));
        CHECK(state.last_index.value() == 9);
    }
    check_error(ErrorKind::refused, "the oldest snapshot is of index 5",
                [&] { (void)dqlite::read_state(h.data_dir(), LogIndex(4)); });
    check_error(ErrorKind::refused, "the last entry that can be read is 9",
                [&] { (void)dqlite::read_state(h.data_dir(), LogIndex(10)); });
}

TEST_CASE(
    "dqlite state: without a snapshot the log alone gives it, and segments that a snapshot covers may be "
    "gone") {
    const History h;
    DqliteMaker maker;
    for (const std::string& s : h.states) maker.commit(s);
    maker.write(h.data_dir());
    dqlite::State state = dqlite::read_state(h.data_dir());
    CHECK(content_of(state.databases[0]) == read_file(h.states[3]));
    CHECK_FALSE(state.snapshot);

    DqliteMaker later = usual(h);
    later.files().erase("0000000000000001-0000000000000003");
    fs::remove_all(h.data_dir());
    later.write(h.data_dir());
    dqlite::State rest = dqlite::read_state(h.data_dir());
    CHECK(codes(rest.findings).empty());
    CHECK(rest.first_index.value() == 4);
    CHECK(content_of(rest.databases[0]) == read_file(h.states[3]));
}

TEST_CASE(
    "dqlite state: pages without a commit wait, and a damaged newest snapshot gives way to an older one") {
    const History h;
    DqliteMaker maker;
    maker.commit(h.states[0]);
    maker.snapshot();
    const std::uint64_t older = maker.last_index();
    maker.commit(h.states[1]);
    maker.snapshot();
    const std::string newest =
        "snapshot-2-" + std::to_string(maker.last_index()) + "-" + std::to_string(1000 + maker.last_index());
    maker.commit(h.states[2], false);
    SUBCASE("sound") {
        maker.write(h.data_dir());
        dqlite::State state = dqlite::read_state(h.data_dir());
        CHECK(state.waiting_pages > 0);
        CHECK(content_of(state.databases[0]) == read_file(h.states[1]));
    }
    SUBCASE("damaged data") {
        std::string& bytes = maker.files().at(newest);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
        maker.write(h.data_dir());
        dqlite::State state = dqlite::read_state(h.data_dir());
        CHECK(codes(state.findings) == "snapshot@" + newest + " ");
        CHECK(state.snapshot->index.value() == older);
        CHECK(content_of(state.databases[0]) == read_file(h.states[1]));
    }
    SUBCASE("damaged description") {
        maker.files().at(newest + ".meta")[20] = 'x';
        maker.write(h.data_dir());
        CHECK(codes(dqlite::read_state(h.data_dir()).findings) == "snapshot@" + newest + " ");
    }
    SUBCASE("no description") {
        maker.files().erase(newest + ".meta");
        maker.write(h.data_dir());
        CHECK(codes(dqlite::read_state(h.data_dir()).findings) == "snapshot@" + newest + " ");
    }
}

TEST_CASE(
    "dqlite state: a damaged closed segment ends the log there, named; missing ones are told in dqlite's "
    "words") {
    const History h;
    DqliteMaker maker = usual(h);
    SUBCASE("damaged") {
        maker.files().at("0000000000000006-0000000000000006")[40] ^= 1;
        maker.write(h.data_dir());
        dqlite::State state = dqlite::read_state(h.data_dir());
        CHECK(codes(state.findings) == "segment@0000000000000006-0000000000000006 log-cut@ ");
        CHECK(state.applied.value() == 5);
    }
    SUBCASE("past the snapshot") {
        maker.files().erase("0000000000000001-0000000000000003");
        maker.files().erase("0000000000000004-0000000000000005");
        maker.files().erase("snapshot-2-5-1005");
        maker.write(h.data_dir());
        check_error(ErrorKind::damaged,
                    "closed segment 0000000000000006-0000000000000006 is past last snapshot",
                    [&] { (void)dqlite::read_state(h.data_dir()); });
    }
}

TEST_CASE(
    "dqlite state: the configuration in force is the newest entry's, and a node alone has no doubtful tail") {
    const History h;
    DqliteMaker maker = usual(h);
    dqlite::State before = [&] {
        maker.write(h.data_dir());
        return dqlite::read_state(h.data_dir());
    }();
    CHECK_FALSE(before.tail_may_be_uncommitted());
    fs::remove_all(h.data_dir());
    DqliteMaker three = usual(h);
    three.configure(
        {{1, "a:1", dqlite::Role::voter}, {2, "b:1", dqlite::Role::voter}, {3, "c:1", dqlite::Role::spare}});
    three.write(h.data_dir());
    const dqlite::State after = dqlite::read_state(h.data_dir());
    CHECK(after.configuration.size() == 3);
    CHECK(after.tail_may_be_uncommitted());
}

TEST_CASE("dqlite state: open segments follow one another, and one of another format is damage") {
    const History h;
    DqliteMaker maker = usual(h);
    maker.write(h.data_dir());
    const std::string first = h.data_dir() + "/open-1";
    SUBCASE("the rest of the log in the next one") {
        fs::rename(first, h.data_dir() + "/open-2");
        write_file(first, std::string(4096, '\0'));
        dqlite::State state = dqlite::read_state(h.data_dir());
        CHECK(codes(state.findings).empty());
        CHECK(content_of(state.databases[0]) == read_file(h.states[3]));
    }
    SUBCASE("another format") {
        std::string bytes = read_file(first);
        bytes[0] = 5;
        write_file(first, bytes);
        const dqlite::State state = dqlite::read_state(h.data_dir());
        CHECK(has(codes(state.findings), "segment@open-1"));
        CHECK_FALSE(state.complete);
        CHECK(state.applied.value() == 6);
    }
    SUBCASE("damaged in the middle, with another behind it") {
        std::string bytes = read_file(first);
        write_file(h.data_dir() + "/open-2", bytes);
        bytes[100] = static_cast<char>(bytes[100] ^ 1);
        write_file(first, bytes);
        CHECK_FALSE(dqlite::read_state(h.data_dir()).complete);
    }
    SUBCASE("cut short inside its first batch") {
        write_file(first, read_file(first).substr(0, 100));
        const dqlite::State state = dqlite::read_state(h.data_dir());
        CHECK(state.applied.value() == 6);
        REQUIRE_FALSE(state.findings.empty());
        CHECK(state.findings.front().where == "open-1");
        CHECK(state.findings.front().what.find("ends inside") != std::string::npos);
    }
}

TEST_CASE("dqlite state: real directories give what the node that wrote them held") {
    for (const char* const name : {"dqlite-k8s-written", "dqlite-three-voters"}) {
        const auto archive = shared(std::string("realdata/") + name + ".tar.xz");
        if (!archive) {
            MESSAGE("skipped: no shared data");
            continue;
        }
        const auto expected =
            nlohmann::json::parse(std::ifstream(*shared(std::string("realdata/") + name + ".expected.json")));
        const TempDir folder;
        REQUIRE(std::system(("tar xJf " + *archive + " -C " + folder.path().string()).c_str()) == 0);
        dqlite::State state = dqlite::read_state(folder.file(name));
        CAPTURE(name);
        CHECK(codes(state.findings).empty());
        CHECK(state.applied.value() == expected["applied"]);
        CHECK(state.snapshot->index.value() == expected["snapshot"][1]);
        CHECK(state.first_index.value() == expected["log"][0]);
        REQUIRE(state.databases.size() == 1);
        CHECK(state.databases[0].pages() == expected["dbs"]["k8s"]["pages"]);
    }
}
