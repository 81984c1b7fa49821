#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl::test;
using nlohmann::json;

namespace {

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& l : lines) text += (text.empty() ? "" : "; ") + l;
    return text;
}

std::string age_name(KineAge age) {
    switch (age) {
        case KineAge::v0_1:
            return "0.1";
        case KineAge::v0_5:
            return "0.5";
        case KineAge::v0_14_13:
            return "0.14.13";
        default:
            return "0.16.3";
    }
}

// Dry run, then the real one: equal numbers, and a file that is what it must be.
json compact(const TempDir& folder, const std::string& db, std::int64_t rev, std::vector<std::string> extra) {
    const std::string before = folder.file("before.db");
    std::filesystem::copy_file(db, before, std::filesystem::copy_options::overwrite_existing);
    std::vector<std::string> args{"compact", "--rev", std::to_string(rev), "-w", "json"};
    args.insert(args.end(), extra.begin(), extra.end());
    std::vector<std::string> dry_args = args;
    dry_args.insert(dry_args.end(), {"--dry-run", db});
    const std::string bytes = read_file(db);
    const Result dry = run_cli(dry_args);
    REQUIRE_MESSAGE(dry.code == 0, dry.err);
    CHECK(read_file(db) == bytes);
    args.push_back(db);
    const Result real = run_cli(args);
    REQUIRE_MESSAGE(real.code == 0, real.err);
    const json planned = json::parse(dry.out);
    json done = json::parse(real.out);
    for (const char* part : {"before", "removed", "kept", "revisions", "prefixes", "strategy"})
        CHECK(planned.at(part) == done.at(part));
    CHECK(done.at("result") == "compacted");
    CHECK(planned.at("result") == "would-compact");
    return done;
}

}  // namespace

TEST_CASE("kine: random stores of every schema age, by every way of executing") {
    const TempDir folder{fast_folder()};
    const std::vector<std::vector<std::string>> ways{
        {},
        {"--strategy", "in-place"},
        {"--strategy", "rewrite"},
        {"--strategy", "in-place", "--vacuum"},
        {"--batch", "7"},
        {"--batch", "1", "--vacuum"},
        {"--drop-old-values", "--strategy", "in-place"},
        {"--drop-old-values", "--vacuum"},
        {"--drop-old-values", "--batch", "20"},
    };
    std::uint32_t seed = 0;
    for (const KineAge age : k_kine_ages) {
        for (const auto& way : ways) {
            ++seed;
            const KineMaker maker = random_kine(seed, 150, seed % 2 == 0);
            const std::string db = folder.file("s.db");
            std::filesystem::remove(db);
            maker.write(db, {.age = age, .wal = seed % 3 != 0});
            const std::int64_t compacted =
                std::stoll(query_one(db, "SELECT prev_revision FROM kine WHERE name = 'compact_rev_key'"));
            const std::int64_t rev =
                maker.current() - (maker.current() - compacted - 1) * static_cast<std::int64_t>(seed % 5) / 5;
            CAPTURE(seed);
            CAPTURE(age_name(age));
            CAPTURE(joined(way));
            CAPTURE(rev);
            const std::string mode = read_file(db).substr(18, 2);
            compact(folder, db, rev, way);
            const bool dropped = !way.empty() && way.front() == "--drop-old-values";
            CHECK(joined(compare_kine(folder.file("before.db"), db, rev, dropped)) == "");
            CHECK(read_file(db).substr(18, 2) == mode);
            CHECK(folder.names() == std::vector<std::string>{"before.db", "s.db"});
            // Once more: nothing to do, and nothing done.
            const std::string bytes = read_file(db);
            const Result again = run_cli({"compact", "--rev", std::to_string(rev), "-w", "json", db});
            CHECK(again.code == 0);
            CHECK(json::parse(again.out).at("result") == "already-compacted");
            CHECK(read_file(db) == bytes);
        }
    }
}

TEST_CASE("kine: rows with ids of 0 and less are read and kept as any other") {
    const TempDir folder{fast_folder()};
    const std::vector<std::vector<std::string>> ways{
        {"--strategy", "rewrite"}, {"--strategy", "in-place"}, {"--batch", "2"}};
    for (std::size_t i = 0; i < ways.size(); ++i) {
        KineMaker maker = random_kine(5, 60, false);
        maker.raw({0, "/zero", 1, 0, 0, 0, 0, "live"});
        maker.raw({-7, "/below", 1, 0, 0, 0, 0, "old"});
        maker.raw({-5, "/below", 0, 0, -7, -7, 0, "live"});
        const std::string db = folder.file("odd" + std::to_string(i));
        maker.write(db, {});
        const json done = compact(folder, db, maker.current(), ways[i]);
        CHECK(joined(compare_kine(folder.file("before.db"), db, maker.current())) == "");
        for (const char* key : {"/zero", "/below"})
            CHECK(run_cli({"get", "--print-value-only", key, db}).out == "live\n");
    }
}

TEST_CASE("kine: into another file, the store as it was") {
    const TempDir folder{fast_folder()};
    for (const bool wal : {true, false}) {
        const KineMaker maker = random_kine(77, 120, false);
        const std::string db = folder.file(wal ? "w.db" : "r.db");
        maker.write(db, {.wal = wal});
        const std::string bytes = read_file(db);
        const std::string out = folder.file(wal ? "w.out" : "r.out");
        const Result r = run_cli({"compact", "--rev", std::to_string(maker.current()), "-o", out, db});
        REQUIRE_MESSAGE(r.code == 0, r.err);
        CHECK(read_file(db) == bytes);
        CHECK(joined(compare_kine(db, out, maker.current())) == "");
        CHECK(read_file(out).substr(18, 2) == bytes.substr(18, 2));
    }
    CHECK(folder.names() == std::vector<std::string>{"r.db", "r.out", "w.db", "w.out"});
}

TEST_CASE("kine: faults of real files, counted and compacted over") {
    struct Fault {
        std::string name;
        void (*make)(KineMaker&);
        std::string sql;      // run on the finished file
        std::string warning;  // in the warnings or findings
        std::int64_t orphans = 0;
        std::int64_t cross = 0;
        std::int64_t dangling = 0;
    };
    const std::vector<Fault> faults{
        {"orphan",
         [](KineMaker& m) {
             const std::int64_t id = m.current();
             m.raw({id + 1, "/registry/o", 1, 0, 0, 0, 0, "first"});
             m.raw({id + 2, "/registry/o", 1, 0, 0, id + 900000, 0, "second"});
         },
         "", "point above the compact revision", 1, 0, 1},
        {"zombie",
         [](KineMaker& m) {
             m.raw({m.current() + 1, "/registry/z", 1, 0, 0, 0, 0, "undead"});
             m.hole();
         },
         "", ""},
        {"dangling",
         [](KineMaker& m) {
             const std::int64_t id = m.current();
             m.raw({id + 2, "/registry/d", 0, 0, id, id + 1, 0, "v", "o"});
         },
         "", "point above the compact revision", 0, 0, 1},
        {"cross key",
         [](KineMaker& m) {
             const std::int64_t id = m.current();
             m.raw({id + 1, "/registry/Foo", 1, 0, 0, 0, 0, "upper"});
             m.raw({id + 2, "/registry/foo", 1, 0, 0, id + 1, 0, "lower"});
         },
         "", "point at a row of another key", 0, 1, 0},
        {"numeric names",
         [](KineMaker& m) {
             const std::int64_t id = m.current();
             m.raw({id + 1, "12345", 1, 0, 0, 0, 0, "numeric"});
             m.raw({id + 2, "12345", 0, 0, id + 1, id + 1, 0, "numeric2", "numeric"});
         },
         "", ""},
        {"NULL columns",
         [](KineMaker& m) {
             const std::int64_t id = m.current();
             m.raw({id + 1, "/registry/n/f", 1, 0, 0, std::nullopt, 0, "v"});
             m.raw({id + 2, "/registry/n/g", 1, std::nullopt, 0, 0, 0, "v"});
             m.raw({id + 3, std::nullopt, 1, 0, 0, 0, 0, "v"});
         },
         "", "NULL"},
        {"forward pointer",
         [](KineMaker& m) {
             const std::int64_t id = m.current();
             m.raw({id + 1, "/registry/fwd/d", 0, 0, id, id + 3, 0, "v"});
             m.raw({id + 3, "/registry/fwd/e", 1, 0, 0, 0, 0, "v"});
         },
         "", "point at a row of another key", 0, 1, 0},
        {"newest row a tombstone",
         [](KineMaker& m) {
             m.create("/registry/last/h", "v");
             m.remove("/registry/last/h");
         },
         "", "holds the current revision"},
        {"newest row a gap", [](KineMaker& m) { m.gap(); }, "", "holds the current revision"},
        {"sequence ahead", [](KineMaker&) {}, "UPDATE sqlite_sequence SET seq = seq + 50 WHERE name = 'kine'",
         ""},
        {"no compact row", [](KineMaker&) {}, "DELETE FROM kine WHERE name = 'compact_rev_key'", "missing"},
        {"two compact rows",
         [](KineMaker& m) {
             m.raw({m.current() + 1, "compact_rev_key", 0, 0, 0, 7, 0, ""});
         },
         "", "hold the compact revision"},
        {"two compact rows, neither the newest",
         [](KineMaker& m) {
             m.raw({m.current() + 1, "compact_rev_key", 0, 0, 0, 7, 0, ""});
             m.put("/registry/later", "v");
         },
         "", "hold the compact revision"},
        {"three compact rows",
         [](KineMaker& m) {
             m.raw({m.current() + 1, "compact_rev_key", 1, 0, 0, 5, 0, ""});
             m.raw({m.current() + 1, "compact_rev_key", 1, 0, 0, 7, 0, ""});
         },
         "", "hold the compact revision"},
        {"old table of kine", [](KineMaker&) {},
         "CREATE TABLE key_value (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, value BLOB, old_value "
         "BLOB,"
         " ttl INTEGER, deleted INTEGER, revision INTEGER); INSERT INTO key_value (name, value) VALUES ('x', "
         "x'00')",
         "key_value"},
        {"a long run of gaps",
         [](KineMaker& m) {
             for (int i = 0; i < 700; ++i) m.gap();
             m.put("/registry/after", "v");
         },
         "", ""},
        {"no indexes at all", [](KineMaker&) {},
         "DROP INDEX kine_name_index; DROP INDEX kine_name_id_index; DROP INDEX kine_id_deleted_index;"
         " DROP INDEX kine_prev_revision_index; DROP INDEX kine_name_prev_revision_uindex;"
         " DROP INDEX kine_id_compact_rev_key_with_prev_revision_index",
         ""},
    };
    const TempDir folder{fast_folder()};
    std::uint32_t seed = 500;
    for (const Fault& fault : faults) {
        for (const char* way : {"in-place", "rewrite", "batch"}) {
            ++seed;
            CAPTURE(fault.name);
            CAPTURE(std::string(way));
            KineMaker maker = random_kine(seed, 60, false);
            maker.compact(maker.current() / 3);
            fault.make(maker);
            const std::string db = folder.file("s.db");
            std::filesystem::remove(db);
            // Names that look like numbers are stored as numbers by the older schema.
            maker.write(db,
                        {.age = seed % 2 == 0 ? KineAge::v0_14_13 : KineAge::v0_16_3, .after = fault.sql});
            const std::int64_t rev = std::stoll(query_one(db, "SELECT max(id) FROM kine"));
            const json done = std::string(way) == "batch" ? compact(folder, db, rev, {"--batch", "5"})
                                                          : compact(folder, db, rev, {"--strategy", way});
            CHECK(joined(compare_kine(folder.file("before.db"), db, rev)) == "");
            CHECK(done.at("removed").at("orphans") == fault.orphans);
            CHECK(done.at("cross_key_pointers") == fault.cross);
            // Without a compact row no pointer is known to have been compacted away.
            if (fault.name != "no compact row") CHECK(done.at("dangling_pointers") == fault.dangling);
            const std::string said = done.at("warnings").dump() + done.at("findings").dump();
            CHECK_MESSAGE(said.find(fault.warning) != std::string::npos, said);
            if (fault.name == "old table of kine")
                CHECK(query_one(db, "SELECT count(*) FROM key_value") == "1");
        }
    }
}

TEST_CASE("kine: of several compact rows the newest of all stays, else the one with the lowest id") {
    const TempDir folder{fast_folder()};
    for (const char* way : {"in-place", "rewrite"}) {
        for (const bool newest : {true, false}) {
            KineMaker maker;
            maker.put("/a", "1");
            maker.raw({maker.current() + 1, "compact_rev_key", 0, 0, 0, 2, 0, ""});
            if (!newest) maker.put("/a", "2");
            const std::string db = folder.file("s.db");
            std::filesystem::remove(db);
            maker.write(db);
            const std::int64_t rev = maker.current();
            compact(folder, db, rev, {"--strategy", way});
            CHECK(query_one(db, "SELECT id FROM kine WHERE name = 'compact_rev_key'") ==
                  (newest ? std::to_string(rev) : "1"));
        }
    }
}

TEST_CASE("kine: a missing compact row is put back and takes the next revision") {
    const TempDir folder{fast_folder()};
    for (const char* way : {"in-place", "rewrite"}) {
        KineMaker maker;
        for (int i = 0; i < 5; ++i) maker.put("/a", std::to_string(i));
        const std::string db = folder.file("s.db");
        std::filesystem::remove(db);
        maker.write(db, {.after = "DELETE FROM kine WHERE name = 'compact_rev_key'"});
        compact(folder, db, 5, {"--strategy", way});
        CHECK(query(db, "SELECT * FROM kine WHERE name = 'compact_rev_key'") ==
              std::vector<std::string>{"8|'compact_rev_key'|1|0|0|5|0|x''|NULL"});
    }
}

TEST_CASE("kine: a store that was never migrated from key_value is refused") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker;
    maker.rows().clear();
    maker.write(
        db, {.wal = false,
             .after = "CREATE TABLE key_value (id INTEGER PRIMARY KEY, name TEXT, value BLOB, ttl INTEGER);"
                      "INSERT INTO key_value (name, value) VALUES ('/registry/x', x'00')"});
    for (const char* mode : {"--dry-run", "--vacuum"}) {
        const Result r = run_cli({"compact", "--rev", "1", mode, db});
        CHECK(r.code == 4);
        CHECK(r.err.find("key_value") != std::string::npos);
    }
    run_sql(db, "DELETE FROM key_value");
    CHECK(run_cli({"compact", "--rev", "0", "--dry-run", db}).code == 0);
}

TEST_CASE("kine: etcd's rules do not apply to it") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker().write(db);
    CHECK(run_cli({"compact", "--rev", "1", "--tombstones", "classic", db}).code == 2);
    CHECK(run_cli({"compact", "--rev", "1", "--etcd-version", "3.5.1", "-n", db}).code == 2);
    const Result hash = run_cli({"hash", "-w", "json", db});
    CHECK(hash.code == 4);
    CHECK(json::parse(hash.err).at("error").at("kind") == "refused");
    const Result plan = run_cli({"compact", "--rev", "2", "-n", "--json", db});
    CHECK(json::parse(plan.out).at("tombstone_rule") == "kine");
}

TEST_CASE("kine: a column or a trigger that is not kine's is refused by name, a dry run goes on") {
    struct Case {
        std::string sql;
        std::string named;
    };
    const std::vector<Case> cases{
        {"CREATE TRIGGER watchman AFTER DELETE ON kine BEGIN SELECT 1; END", "watchman"},
        {"ALTER TABLE kine ADD COLUMN added_by_hand INTEGER DEFAULT 3", "added_by_hand"},
        {"ALTER TABLE kine ADD COLUMN doubled INTEGER GENERATED ALWAYS AS (id * 2)", "doubled"},
    };
    for (const Case& c : cases) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        KineMaker maker = random_kine(3, 30, false);
        maker.write(db, {.after = c.sql});
        const std::string bytes = read_file(db);
        CAPTURE(c.named);
        const std::string rev = std::to_string(maker.current());
        CHECK(run_cli({"compact", "--rev", rev, "-n", db}).code == 0);
        const Result r = run_cli({"compact", "--rev", rev, db});
        CHECK(r.code == 4);
        CHECK_MESSAGE(r.err.find(c.named) != std::string::npos, r.err);
        CHECK(read_file(db) == bytes);
    }
}
