#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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
using Names = std::vector<std::string>;

std::string kind_of(const Result& r) {
    return json::parse(r.err).at("error").at("kind").get<std::string>();
}

}  // namespace

TEST_CASE("compact: what was made before a run that fails goes with it") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    const std::string bytes = read_file(db);
    // The list comes behind the backup and is refused.
    const Result r =
        run_cli({"compact", "--rev", "7", "--backup", folder.file("b.db"), "--list=/dev/full", db});
    CHECK(r.code == 4);
    CHECK(folder.names() == Names{"s.db"});
    CHECK(read_file(db) == bytes);
    // The output's folder is not there: the list was written before.
    CHECK(run_cli({"compact", "--rev", "7", "--list=" + folder.file("l"), "-o", folder.file("no/o.db"), db})
              .code == 7);
    CHECK(folder.names() == Names{"s.db"});
    // Done: both stay, readable by their owner alone.
    REQUIRE(
        run_cli({"compact", "--rev", "7", "--backup", folder.file("b.db"), "--list=" + folder.file("l"), db})
            .code == 0);
    CHECK(folder.names() == Names{"b.db", "l", "s.db"});
    CHECK(read_file(folder.file("b.db")) == bytes);
    for (const char* name : {"b.db", "l"}) {
        struct stat st {};
        REQUIRE(::stat(folder.file(name).c_str(), &st) == 0);
        CHECK((st.st_mode & 07777) == 0600);
    }
}

TEST_CASE("compact: a refused run leaves a header alone that SQLite would mend") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    std::string bytes = read_file(db);
    // A size in pages that is wrong, and not valid either, as versions of SQLite before 3.7 leave it.
    bytes[31] = static_cast<char>(bytes[31] + 1);
    bytes[95] = static_cast<char>(bytes[95] + 1);
    write_file(db, bytes);
    CHECK(run_cli({"compact", "--rev", "99", db}).code == 4);
    CHECK(run_cli({"vacuum", "--backup", db, db}).code == 4);
    CHECK(read_file(db) == bytes);
    CHECK(run_cli({"compact", "--rev", "7", db}).code == 0);
    CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("compact: a dry run refuses the files that the real one would refuse") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    write_file(folder.file("taken"), "precious");
    for (const Args& options : std::vector<Args>{{"-o", folder.file("taken")},
                                                 {"--backup", folder.file("taken")},
                                                 {"--list=" + folder.file("taken")}}) {
        Args args{"compact", "--rev", "7", "-n", "-w", "json", db};
        args.insert(args.end() - 1, options.begin(), options.end());
        const Result r = run_cli(args);
        CAPTURE(options.front());
        CHECK(r.code == 4);
        CHECK(kind_of(r) == "refused");
    }
    CHECK(run_cli({"vacuum", "-n", "--backup", folder.file("taken"), db}).code == 4);
    // With nothing to do there is nothing to back up.
    REQUIRE(run_cli({"compact", "--rev", "7", db}).code == 0);
    for (const char* mode : {"-n", "-v"})
        CHECK(run_cli({"compact", "--rev", "7", mode, "--backup", folder.file("taken"), db}).code == 0);
    CHECK(read_file(folder.file("taken")) == "precious");
}

TEST_CASE("compact: a dry run says what the real one would refuse, and offers no command for it") {
    for (const char* sql :
         {"CREATE TRIGGER watchman AFTER DELETE ON revision BEGIN SELECT 1; END",
          "ALTER TABLE revision ADD COLUMN added_by_hand TEXT",
          "ALTER TABLE revision ADD COLUMN doubled INTEGER GENERATED ALWAYS AS (main * 2)"}) {
        CAPTURE(std::string(sql));
        const TempDir folder;
        const std::string db = folder.file("s.db");
        make_native(db, sample_history().row_list(), {.after = sql});
        const Result real = run_cli({"compact", "--rev", "7", "-w", "json", db});
        CHECK(real.code == 4);
        const std::string why = json::parse(real.err).at("error").at("message");
        const Result text = run_cli({"compact", "--rev", "7", "-n", db});
        CHECK(text.code == 0);
        CHECK(!has(text.out, "To do it"));
        CHECK(has(text.out, "Refused as it stands:\n  " + why));
        const json report = json::parse(run_cli({"compact", "--rev", "7", "-n", "-w", "json", db}).out);
        REQUIRE(report.at("findings").size() == 1);
        CHECK(report.at("findings")[0].at("code") == "not-executable");
        CHECK(report.at("findings")[0].at("severity") == "error");
        CHECK(report.at("refusal") == why);
    }
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(),
                {.after = "UPDATE revision SET tombstone = 7 WHERE main = 3"});
    CHECK(run_cli({"compact", "--rev", "7", db}).code == 6);
    const Result dry = run_cli({"compact", "--rev", "7", "-n", db});
    CHECK(dry.code == 0);
    CHECK(has(dry.out, "Refused as it stands:"));
    CHECK(!has(dry.out, "To do it"));
}

TEST_CASE("compact: copies keep the bytes that a store reserves in each page, and their size is predicted") {
    for (const bool kine : {false, true}) {
        for (const int reserved : {8, 32, 255}) {
            for (const Args& how : std::vector<Args>{{"--strategy", "rewrite", "--vacuum"},
                                                     {"--strategy", "in-place", "--vacuum"},
                                                     {"-o", "OUT"}}) {
                CAPTURE(kine);
                CAPTURE(reserved);
                const TempDir folder;
                const std::string db = folder.file("s.db");
                if (kine) {
                    random_kine(3, 600, false).write(db, {.page_size = 1024, .reserved = reserved});
                } else {
                    make_native(db, long_history(600, 50, 200).row_list(),
                                {.page_size = 1024, .reserved = reserved});
                }
                Args args{"compact", "--keep-last", "100", "-w", "json"};
                std::string made = db;
                for (const std::string& word : how) {
                    if (word == "OUT") made = folder.file("o.db");
                    args.push_back(word == "OUT" ? made : word);
                }
                Args dry = args;
                dry.insert(dry.end(), {"-n", db});
                args.push_back(db);
                const json plan = json::parse(run_cli(dry).out);
                REQUIRE(run_cli(args).code == 0);
                const std::string bytes = read_file(made);
                CHECK(static_cast<unsigned char>(bytes[20]) == reserved);
                CHECK(query_one(made, "PRAGMA integrity_check") == "ok");
                const auto predicted = plan.at("size").at("file_after_vacuum").get<std::int64_t>();
                const std::int64_t off = predicted - static_cast<std::int64_t>(bytes.size());
                CHECK_MESSAGE(std::abs(off) <= std::max<std::int64_t>(2048, predicted / 100), off);
            }
        }
    }
}

TEST_CASE("compact: a kine compact row without a number is damage") {
    for (const char* value : {"'twelve'", "NULL", "1.5", "x'07'"}) {
        CAPTURE(std::string(value));
        const TempDir folder;
        const std::string db = folder.file("s.db");
        random_kine(3, 50, false)
            .write(db, {.wal = false,
                        .after = "UPDATE kine SET prev_revision = " + std::string(value) +
                                 " WHERE name = 'compact_rev_key'"});
        const std::string bytes = read_file(db);
        for (const char* mode : {"-n", "--vacuum"}) {
            const Result r = run_cli({"compact", "--rev", "20", mode, "-w", "json", db});
            CHECK(r.code == 6);
            CHECK(kind_of(r) == "damaged");
            CHECK(has(r.err, "row 1:"));
        }
        CHECK(run_cli({"status", db}).code == 6);
        CHECK(read_file(db) == bytes);
    }
}

TEST_CASE("compact: a kine store whose ids have run out is named as such") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker = random_kine(3, 50, false);
    maker.raw({9223372036854775807, "/last", 1, 0, 0, 0, 0, "v"});
    maker.write(db, {.wal = false});
    const std::string bytes = read_file(db);
    for (const char* mode : {"-n", "--vacuum"}) {
        const Result r = run_cli({"compact", "--keep-last", "10", mode, "-w", "json", db});
        CHECK(r.code == 6);
        CHECK(has(r.err, "row 9223372036854775807 has the largest id there can be"));
    }
    CHECK(read_file(db) == bytes);
    CHECK(run_cli({"status", db}).code == 0);
}

TEST_CASE("compact: what was cut short is finished also where --min-gain stops the rest") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(200, 20, 100).row_list(), {.meta = {{"scheduled_compact_rev", 60}}});
    const auto pages = std::filesystem::file_size(db);
    const Result dry =
        run_cli({"compact", "--rev", "150", "--min-gain", "1G", "-n", "--vacuum", "-w", "json", db});
    REQUIRE(dry.code == 0);
    const Result r = run_cli({"compact", "--rev", "150", "--min-gain", "1G", "--vacuum", "-w", "json", db});
    REQUIRE(r.code == 0);
    const json done = json::parse(r.out);
    CHECK(done.at("result") == "compacted");
    CHECK(done.at("finishes") == 60);
    CHECK(done.at("revisions").at("compacted_after") == 60);
    CHECK(done.at("removed") == json::parse(dry.out).at("removed"));
    CHECK(native_meta(db, "finished_compact_rev") == 60);
    CHECK(std::filesystem::file_size(db) == pages);  // too little to gain: not shrunk
    const Result again = run_cli({"compact", "--rev", "150", "--min-gain", "1G", "-w", "json", db});
    CHECK(json::parse(again.out).at("result") == "below-min-gain");
    CHECK(native_meta(db, "finished_compact_rev") == 60);
}

TEST_CASE("compact: with auto_vacuum the size in place is not made up") {
    const TempDir folder;
    for (const char* mode : {"FULL", "INCREMENTAL", "NONE"}) {
        CAPTURE(std::string(mode));
        const std::string db = folder.file(std::string(mode) + ".db");
        make_native(db, long_history(900, 20, 300).row_list(),
                    {.before = std::string("PRAGMA auto_vacuum = ") + mode});
        const Args args{"compact", "--rev", "800", "--strategy", "in-place", "-w", "json"};
        Args dry = args;
        dry.insert(dry.end(), {"-n", db});
        Args real = args;
        real.push_back(db);
        const json plan = json::parse(run_cli(dry).out);
        REQUIRE(run_cli(real).code == 0);
        const json& size = plan.at("size").at("file_after");
        if (std::string(mode) == "FULL") {
            CHECK(size.is_null());
            CHECK(plan.at("warnings").dump().find("auto_vacuum") != std::string::npos);
        } else {
            CHECK(size == std::filesystem::file_size(db));
        }
    }
}
