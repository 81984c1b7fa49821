#include "kvctl/raftlog/wal_scan.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <numeric>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/raftlog/wal_dir.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wal_writer.hpp"

using namespace kvctl;
using namespace kvctl::test;
using raftlog::Threads;

namespace {

// A put of `size` bytes.
std::string put(std::uint64_t index, std::size_t size) {
    std::string value(size, static_cast<char>('a' + index % 26));
    std::string body;
    proto::append_bytes(body, 1, "key" + std::to_string(index % 7));
    proto::append_bytes(body, 2, value);
    std::string data;
    proto::append_bytes(data, 4, body);
    proto::append_bytes(data, 100, "\x08\x01");
    return data;
}

std::size_t size_of(std::uint64_t index) {
    return index == 601 ? 700'000 : 100 + index * 37 % 4000;
}

// Three segments of many batches each, one record among them larger than any batch.
struct Log {
    TempDir temp;
    std::string wal = temp.file("wal");
    std::vector<std::string> segments;
    std::vector<std::vector<std::uint64_t>> offsets;  ///< of each segment's entries
    std::uint64_t entries = 0;

    explicit Log(std::uint64_t per_segment = 1200) {
        WalWriter w(wal);
        for (int segment = 0; segment < 3; ++segment) {
            if (segment > 0) w.cut(entries + 1);
            segments.push_back(w.path());
            offsets.emplace_back();
            for (std::uint64_t i = 0; i < per_segment; ++i) {
                ++entries;
                offsets.back().push_back(w.offset());
                w.entry(entries, 1 + entries / 500, put(entries, size_of(entries)));
                if (entries % 50 == 0) w.hard_state(1 + entries / 500, 9, entries - 10);
            }
        }
        w.zeros(600'000);
    }
};

struct Reading {
    ReadLog log;
    raftlog::Header header;
};

Reading read(const std::string& wal, Threads threads) {
    const auto source = raftlog::open_wal_dir(wal, "", threads);
    return {read_log(*source), source->header()};
}

// Two threads find what one finds, every time; returns it.
Reading read_both(const std::string& wal) {
    Reading one = read(wal, Threads::one);
    for (int i = 0; i < 4; ++i) {
        const Reading two = read(wal, Threads::two);
        CHECK(two.log.facts == one.log.facts);
        CHECK(two.log.entries == one.log.entries);
        CHECK(two.log.findings == one.log.findings);
        CHECK(two.header.snapshot == one.header.snapshot);
        CHECK(two.header.hard_state == one.header.hard_state);
        CHECK(two.header.node_id == one.header.node_id);
    }
    return one;
}

std::uint64_t times(const Findings& findings, const std::string& code) {
    return std::accumulate(
        findings.begin(), findings.end(), std::uint64_t{0},
        [&](std::uint64_t n, const Finding& f) { return n + (f.code == code ? f.times : 0); });
}

// The batches' sizes in records, until `take` or an error ends it.
std::vector<std::size_t> batches(const std::vector<std::string>& paths, bool two_threads,
                                 const std::function<bool(std::size_t)>& go_on) {
    std::vector<raftlog::WalSegment> segments;
    for (const std::string& path : paths) segments.push_back({path, segments.size(), 0});
    std::vector<std::size_t> out;
    raftlog::scan_wal(segments, two_threads, [&](const raftlog::WalBatch& batch) {
        out.push_back(batch.records.size());
        return go_on(out.size());
    });
    return out;
}

}  // namespace

TEST_CASE("raft log wal, two threads: a sound log") {
    const Log log;
    const Reading r = read_both(log.wal);
    CHECK(r.log.findings.empty());
    REQUIRE(r.log.entries.size() == log.entries);
    for (const raft::Entry& e : r.log.entries) {
        CHECK(e.data == put(e.index.value(), size_of(e.index.value())));
    }
    CHECK(r.header.hard_state->commit == LogIndex{log.entries - log.entries % 50 - 10});
}

TEST_CASE("raft log wal, two threads: one that is large enough for them of itself") {
    TempDir temp;
    WalWriter w(temp.file("wal"));
    for (std::uint64_t i = 1; i <= 300; ++i) w.entry(i, 1, put(i, 60'000));
    REQUIRE(std::filesystem::file_size(w.path()) > 16U << 20U);
    const Reading one = read(temp.file("wal"), Threads::one);
    const Reading of_itself = read(temp.file("wal"), Threads::automatic);
    CHECK(one.log.entries.size() == 300);
    CHECK(of_itself.log.entries == one.log.entries);
    CHECK(of_itself.log.findings.empty());
}

TEST_CASE("raft log wal, two threads: flipped bytes, wherever batches begin and end") {
    const Log log;
    std::string bytes = read_file(log.segments[1]);
    std::uint64_t flipped = 0;
    for (std::size_t i = 0; i < log.offsets[1].size(); i += 2) {
        bytes.at(static_cast<std::size_t>(log.offsets[1][i]) + 60) ^= 0x10;  // in the value
        ++flipped;
    }
    write_file(log.segments[1], bytes);
    const Reading r = read_both(log.wal);
    CHECK(times(r.log.findings, "crc-mismatch") == flipped);
    CHECK(r.log.entries.size() == log.entries);
}

TEST_CASE("raft log wal, two threads: records that do not decode") {
    const Log log;
    std::string bytes = read_file(log.segments[1]);
    std::uint64_t spoiled = 0;
    for (std::size_t i = 0; i < log.offsets[1].size(); i += 3) {
        bytes.at(static_cast<std::size_t>(log.offsets[1][i]) + 8) = '\x07';  // a wire type there is not
        ++spoiled;
    }
    write_file(log.segments[1], bytes);
    const Reading r = read_both(log.wal);
    CHECK(times(r.log.findings, "undecodable-record") == spoiled);
    CHECK(times(r.log.findings, "crc-mismatch") == 0);
    CHECK(r.log.entries.size() == log.entries - spoiled);
}

TEST_CASE("raft log wal, two threads: a torn tail") {
    const Log log;
    const std::vector<std::uint64_t>& offsets = log.offsets[2];
    std::size_t torn = offsets.size() / 2;
    while (offsets.at(torn + 1) - offsets[torn] < 1100) ++torn;
    const std::uint64_t at = offsets[torn];
    SUBCASE("a sector in the midst of the last segment: what is behind it was never written") {
        std::string bytes = read_file(log.segments.back());
        const auto sector = static_cast<std::ptrdiff_t>((at / 512 + 1) * 512);
        std::fill(bytes.begin() + sector, bytes.begin() + sector + 512, '\0');
        write_file(log.segments.back(), bytes);
    }
    SUBCASE("a file that ends inside a record") {
        std::filesystem::resize_file(log.segments.back(), at + 100);
    }
    const Reading r = read_both(log.wal);
    REQUIRE(codes(r.log.findings) == "torn-tail");
    CHECK(r.log.findings[0].where == log.segments.back() + ", offset " + std::to_string(at));
    CHECK(r.log.entries.size() == log.entries - (offsets.size() - torn));
}

TEST_CASE("raft log wal, two threads: segments that are missing, empty or end early") {
    const Log log;
    SUBCASE("missing") {
        std::filesystem::remove(log.segments[1]);
        CHECK(codes(read_both(log.wal).log.findings) == "missing-segment");
    }
    SUBCASE("empty") {
        write_file(log.segments[1], "");
        CHECK(codes(read_both(log.wal).log.findings) == "empty-segment");
    }
    SUBCASE("ends inside a record") {
        std::filesystem::resize_file(log.segments[1], std::filesystem::file_size(log.segments[1]) - 3);
        CHECK(codes(read_both(log.wal).log.findings) == "unexpected-end");
    }
}

TEST_CASE("raft log wal, two threads: errors and interrupts end both, behind the batches before them") {
    const Log log(400);
    for (const bool two_threads : {false, true}) {
        CAPTURE(two_threads);
        std::size_t seen = 0;
        const auto count = [&](std::size_t n) {
            seen = n;
            return true;
        };
        const std::size_t all = batches(log.segments, two_threads, count).size();
        CHECK(all > 4);
        check_error(ErrorKind::interrupted, "interrupted", [&] {
            (void)batches(log.segments, two_threads, [&](std::size_t n) {
                if (n == 3) request_interrupt(2);
                return count(n);
            });
        });
        request_interrupt(0);
        CHECK(seen >= 3);
        CHECK(seen < all);
        check_error(ErrorKind::damaged, "enough", [&] {
            (void)batches(log.segments, two_threads, [&](std::size_t n) {
                if (count(n) && n == 3) throw Error(ErrorKind::damaged, "enough");
                return true;
            });
        });
        CHECK(seen == 3);
        CHECK(batches(log.segments, two_threads, [](std::size_t n) { return n < 3; }).size() == 3);
        std::vector<std::string> and_none = log.segments;
        and_none.push_back(log.wal + "/none");
        check_error(ErrorKind::io, "/none", [&] { (void)batches(and_none, two_threads, count); });
        CHECK(seen == all);
    }
}
