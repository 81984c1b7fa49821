#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/data.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

json report_of(const Args& args, int code = 0) {
    const Result r = run_cli(args);
    REQUIRE_MESSAGE(r.code == code, r.err);
    return json::parse(r.out);
}

// A store of 60 keys with 400 puts of 200 bytes: 401 is the current revision.
std::string make_long(const TempDir& folder, const NativeShape& shape = {}) {
    const std::string db = folder.file("s.db");
    std::filesystem::remove(db);
    make_native(db, long_history(400, 60, 200).row_list(), shape);
    return db;
}

}  // namespace

TEST_CASE("compact: --keep-last counts back from the current revision") {
    const TempDir folder;
    const std::string db = make_long(folder);
    CHECK(report_of({"compact", "--keep-last", "100", "-n", "--json", db}).at("revisions").at("target") ==
          301);
    CHECK(report_of({"compact", "--keep-last", "0", "-n", "--json", db}).at("revisions").at("target") == 401);
    CHECK(report_of({"compact", "--keep-last", "401", "-n", "--json", db}).at("result") == "would-compact");
    for (const char* n : {"402", "403", "9223372036854775807"}) {
        CAPTURE(std::string(n));
        CHECK(report_of({"compact", "--keep-last", n, "-n", "--json", db}).at("result") ==
              "already-compacted");
        CHECK(report_of({"compact", "--keep-last", n, "--json", db}).at("result") == "already-compacted");
        CHECK(native_meta(db, "finished_compact_rev") == -1);
    }
    CHECK(report_of({"compact", "--keep-last", "100", "--json", db}).at("revisions").at("compacted_after") ==
          301);
    CHECK(report_of({"compact", "--keep-last", "100", "--json", db}).at("result") == "already-compacted");
    CHECK(report_of({"compact", "--keep-last", "200", "--json", db}).at("result") == "already-compacted");
}

TEST_CASE("compact: --target-size finds the smallest compaction that fits") {
    const TempDir folder;
    const std::string db = make_long(folder);
    const auto size = std::filesystem::file_size(db);
    const std::string wanted = std::to_string(size * 2 / 3);
    const json plan = report_of({"compact", "--target-size", wanted, "-n", "--json", db});
    CHECK(plan.at("result") == "would-compact");
    CHECK(plan.at("size").at("file_after_vacuum") <= size * 2 / 3);
    const auto rev = plan.at("revisions").at("target").get<std::int64_t>();
    // One revision less would not fit.
    const json less = report_of({"compact", "--rev", std::to_string(rev - 1), "-n", "--json", db});
    CHECK(less.at("size").at("file_after_vacuum") > size * 2 / 3);
    CHECK(report_of({"compact", "--target-size", "1G", "-n", "--json", db}).at("result") == "already-fits");
    const std::string bytes = read_file(db);
    CHECK(report_of({"compact", "--target-size", "1G", "--json", db}).at("result") == "already-fits");
    CHECK(read_file(db) == bytes);
    const Result never = run_cli({"compact", "--target-size", "4K", "-w", "json", db});
    CHECK(never.code == 4);
    CHECK(has(never.err, "\"kind\":\"refused\""));
    const json least = report_of({"compact", "--rev", "401", "-n", "--json", db});
    // With the minimum that is reachable, as exact bytes.
    std::string exact = std::to_string(least.at("size").at("file_after_vacuum").get<std::int64_t>());
    for (std::size_t i = exact.size(); i > 3; i -= 3) exact.insert(i - 3, 1, ',');
    CHECK_MESSAGE(has(never.err, exact), never.err);
    CHECK(read_file(db) == bytes);
    const json done = report_of({"compact", "--target-size", wanted, "--vacuum", "--json", db});
    CHECK(done.at("result") == "compacted");
    CHECK(done.at("revisions").at("target") == rev);
    CHECK(std::filesystem::file_size(db) <= size * 2 / 3);
}

TEST_CASE("compact: a file that fits only once it is shrunk is said to") {
    const TempDir folder;
    const std::string db = make_long(folder);
    const auto full = std::filesystem::file_size(db);
    CHECK(run_cli({"compact", "--rev", "401", "--strategy", "in-place", db}).code == 0);
    const json shrunk = report_of({"compact", "--rev", "401", "-n", "--json", db});
    const auto least = shrunk.at("size").at("file_after_vacuum").get<std::uint64_t>();
    REQUIRE(least < full);
    for (const char* const dry : {"-n", "-q"}) {
        const Result r = run_cli({"compact", "--target-size", std::to_string(least), "-n", db});
        CHECK(r.code == 0);
        CHECK_MESSAGE(has(r.out, "fits once shrunk to"), r.out);
        CHECK_MESSAGE(has(r.out, "kvctl vacuum " + db), r.out);
        CHECK(run_cli({"compact", "--target-size", std::to_string(least), dry, db}).code == 0);
    }
    CHECK(std::filesystem::file_size(db) == full);
    CHECK(has(run_cli({"compact", "--target-size", "1G", db}).out, "already fits"));
    // A copy is shrunk as it is made.
    const Result copy =
        run_cli({"compact", "--target-size", std::to_string(least), "-n", "-o", folder.file("o.db"), db});
    CHECK_MESSAGE(has(copy.out, "already fits"), copy.out);
    CHECK_MESSAGE(has(copy.out, "would shrink"), copy.out);
    CHECK(run_cli({"compact", "--target-size", std::to_string(least), "--vacuum", db}).code == 0);
    CHECK(std::filesystem::file_size(db) == least);
}

TEST_CASE("compact: old values go of a store that is compacted already") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    std::filesystem::copy_file(testdata("stores/k3s-sample.db"), db);
    CHECK(run_cli({"compact", "--rev", "2953", db}).code == 0);
    const char* const count =
        "SELECT count(*) FROM kine WHERE old_value IS NOT NULL AND id <= 2953 AND name != 'compact_rev_key'";
    const std::string before = query(db, count).front();
    REQUIRE(before != "0");
    const std::string bytes = read_file(db);
    const json plan = report_of({"compact", "--rev", "2953", "--drop-old-values", "-n", "--json", db});
    CHECK(plan.at("result") == "already-compacted");
    CHECK(read_file(db) == bytes);
    // Nothing to gain is nothing to do.
    CHECK(report_of({"compact", "--rev", "2953", "--drop-old-values", "--min-gain", "99%", "--json", db})
              .at("result") == "below-min-gain");
    CHECK(read_file(db) == bytes);
    const json done = report_of({"compact", "--rev", "2953", "--drop-old-values", "--json", db});
    CHECK(done.at("result") == "already-compacted");
    CHECK(done.at("old_values") == plan.at("old_values"));
    CHECK(done.at("size").at("file_after_vacuum") == plan.at("size").at("file_after_vacuum"));
    CHECK(query(db, count).front() == "0");
    CHECK(query(db, "PRAGMA integrity_check").front() == "'ok'");
    const std::string cleared = read_file(db);
    const Result again = run_cli({"compact", "--rev", "2953", "--drop-old-values", db});
    CHECK_MESSAGE(has(again.out, "nothing to do"), again.out);
    CHECK(read_file(db) == cleared);
}

TEST_CASE("compact: --min-gain does nothing unless that much would be given back") {
    const TempDir folder;
    const std::string db = make_long(folder);
    const std::string bytes = read_file(db);
    const json plan = report_of({"compact", "--rev", "401", "-n", "--json", db});
    const std::uint64_t gain = plan.at("size").at("file_before").get<std::uint64_t>() -
                               plan.at("size").at("file_after_vacuum").get<std::uint64_t>();
    for (const std::string& least : {std::to_string(gain + 1), std::string("99%")}) {
        for (const bool dry : {true, false}) {
            Args args{"compact", "--rev", "401", "--min-gain", least, "--json", db};
            if (dry) args.emplace_back("-n");
            const json report = report_of(args);
            CHECK(report.at("result") == "below-min-gain");
            CHECK(report.at("removed").at("revisions") == 0);
            CHECK(report.at("kept") == report.at("before"));
            CHECK(report.at("revisions").at("compacted_after") == -1);
            CHECK(report.at("revisions").at("target") == 401);
            CHECK(read_file(db) == bytes);
        }
    }
    CHECK(report_of({"compact", "--rev", "401", "--min-gain", "10%", "-n", "--json", db}).at("result") ==
          "would-compact");
    CHECK(report_of({"compact", "--rev", "401", "--min-gain", std::to_string(gain), "--json", db})
              .at("result") == "compacted");
}

TEST_CASE("compact: a compaction that was cut short is finished first, above, at and below it") {
    struct Row {
        std::string at;
        std::int64_t after;
        std::size_t kept;  // of the sample
    };
    for (const Row& row : std::vector<Row>{{"8", 8, 4}, {"5", 5, 6}, {"3", 5, 6}, {"0", 5, 6}}) {
        for (const char* way : {"in-place", "rewrite"}) {
            const TempDir folder;
            const std::string db = folder.file("s.db");
            make_native(db, sample_history().row_list(),
                        {.meta = {{"finished_compact_rev", 2}, {"scheduled_compact_rev", 5}}});
            CAPTURE(row.at);
            const json dry = report_of({"compact", "--rev", row.at, "-n", "--json", db});
            CHECK(dry.at("result") == "would-compact");
            CHECK(dry.at("revisions").at("compacted_before") == 2);
            CHECK(dry.at("revisions").at("compacted_after") == row.after);
            CHECK(has(dry.at("warnings").dump(), "cut short"));
            const json real = report_of({"compact", "--rev", row.at, "--strategy", way, "--json", db});
            CHECK(real.at("result") == "compacted");
            CHECK(real.at("removed") == dry.at("removed"));
            CHECK(real.at("kept").at("revisions") == row.kept);
            CHECK(native_rows(db).size() == row.kept);
            CHECK(native_meta(db, "finished_compact_rev") == row.after);
            CHECK(native_meta(db, "scheduled_compact_rev") == row.after);
            const json again = report_of({"compact", "--rev", row.at, "--json", db});
            CHECK(again.at("result") == "already-compacted");
            CHECK(again.at("warnings").empty());
        }
    }
}

TEST_CASE("compact: a schedule beyond the last row holds the current revision up") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(), {.meta = {{"scheduled_compact_rev", 12}}});
    const json dry = report_of({"compact", "--rev", "1", "-n", "--json", db});
    CHECK(dry.at("revisions").at("current") == 12);
    CHECK(dry.at("revisions").at("compacted_after") == 12);
    CHECK(run_cli({"compact", "--rev", "13", db}).code == 4);
    CHECK(report_of({"compact", "--rev", "1", "--json", db}).at("revisions").at("current") == 12);
    CHECK(native_meta(db, "finished_compact_rev") == 12);
}

TEST_CASE("compact: a batch that dies is taken up by the next run") {
    // Half of a --batch run, as it stands after two transactions.
    const TempDir folder;
    const std::string db = make_long(folder);
    run_sql(db,
            "DELETE FROM revision WHERE main <= 120; INSERT INTO meta VALUES ('scheduled_compact_rev', 300)");
    const json done = report_of({"compact", "--rev", "300", "--batch", "50", "--json", db});
    CHECK(done.at("kept").at("revisions") == 161);
    CHECK(native_rows(db).front().revision.main == 241);
    CHECK(native_meta(db, "finished_compact_rev") == 300);
}

TEST_CASE("compact: --vacuum shrinks a store that is compacted already") {
    for (const bool wal : {true, false}) {
        const TempDir folder;
        const std::string db = make_long(folder, {.wal = wal});
        CHECK(report_of({"compact", "--rev", "401", "--strategy", "in-place", "--json", db}).at("result") ==
              "compacted");
        const auto before = std::filesystem::file_size(db);
        const json dry = report_of({"compact", "--rev", "401", "--vacuum", "-n", "--json", db});
        CHECK(dry.at("result") == "already-compacted");
        const json done = report_of({"compact", "--rev", "401", "--vacuum", "--json", db});
        CHECK(done.at("result") == "already-compacted");
        CHECK(std::filesystem::file_size(db) < before / 2);
        CHECK(done.at("size").at("file_after") == std::filesystem::file_size(db));
        CHECK(done.at("size").at("file_before") == before);
        CHECK(folder.names() == std::vector<std::string>{"s.db"});
    }
}

TEST_CASE("compact: --backup is the file as it was, private, and opens by itself") {
    for (const char* way : {"in-place", "rewrite"}) {
        const TempDir folder;
        const std::string db = make_long(folder, {.wal = true});
        const std::string bytes = read_file(db);
        const std::string backup = folder.file("backup.db");
        report_of({"compact", "--rev", "401", "--strategy", way, "--backup", backup, "--json", db});
        CHECK(read_file(backup) == bytes);
        struct stat st {};
        REQUIRE(::stat(backup.c_str(), &st) == 0);
        CHECK((st.st_mode & 07777) == 0600);
        CHECK(folder.names() == std::vector<std::string>{"backup.db", "s.db"});
        CHECK(native_rows(db).size() == 60);
    }
}

TEST_CASE("compact: -o leaves the store alone and writes what stays") {
    const TempDir folder;
    const std::string db = make_long(folder, {.shuffled = true});
    const std::string bytes = read_file(db);
    const std::string out = folder.file("new.db");
    const json done = report_of({"compact", "--rev", "401", "-o", out, "--json", db});
    CHECK(done.at("result") == "compacted");
    CHECK(done.at("output") == out);
    CHECK(done.at("size").at("file_after") == std::filesystem::file_size(out));
    CHECK(read_file(db) == bytes);
    CHECK(native_rows(out).size() == 60);
    CHECK(native_meta(out, "finished_compact_rev") == 401);
    // One that is compacted already is copied.
    const std::string again = folder.file("again.db");
    CHECK(report_of({"compact", "--rev", "401", "-o", again, "--json", out}).at("result") ==
          "already-compacted");
    CHECK(native_rows(again).size() == 60);
}

TEST_CASE("compact: keep-at-rev keeps the tombstone at the revision, --etcd-version says so too") {
    for (const Args& rule :
         std::vector<Args>{{"--tombstones", "keep-at-rev"}, {"--etcd-version", "3.5.21"}}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        make_native(db, sample_history().row_list());
        Args args{"compact", "--rev", "5", "--json", db};
        args.insert(args.end(), rule.begin(), rule.end());
        const json done = report_of(args);
        CHECK(done.at("tombstone_rule") == "keep-at-rev");
        CHECK(done.at("removed").at("revisions") == 2);
        CHECK(query_one(db, "SELECT count(*) FROM revision WHERE main = 5") == "1");
    }
}

TEST_CASE("compact: unknown names in meta, leases and the raft log are kept") {
    for (const char* way : {"in-place", "rewrite"}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        make_native(db, sample_history().row_list(),
                    {.raft = true,
                     .after = "INSERT INTO raft_entry VALUES (1, 1, 0, x'00'), (2, 1, 1, NULL);"
                              "INSERT INTO lease VALUES (5, 60), (-9223372036854775808, 1)",
                     .meta = {{"consistent_index", 2}, {"term", 1}, {"of_mine", -4}, {"raft_vote", -1}}});
        const auto rest = [&] {
            std::vector<std::string> all = query(db, "SELECT * FROM raft_entry ORDER BY 1");
            for (const char* sql : {"SELECT * FROM lease ORDER BY 1",
                                    "SELECT * FROM meta WHERE name NOT LIKE '%compact%' ORDER BY 1"})
                for (const std::string& row : query(db, sql)) all.push_back(row);
            return all;
        };
        const auto before = rest();
        const json done = report_of({"compact", "--rev", "7", "--strategy", way, "--json", db});
        CHECK(rest() == before);
        CHECK(done.at("raft_log").at("entries") == 2);
        CHECK(done.at("raft_log").at("source") == "store");
    }
}
