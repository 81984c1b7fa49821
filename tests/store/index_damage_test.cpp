#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/check_refused.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// An index that does not hold what its table does: SQLite believes it, kvctl must not.
using namespace kvctl;
using namespace kvctl::test;

namespace {

// Gives `index` of `table` the pages of the same index over rows that `change` altered.
void make_stale(const std::string& path, const std::string& table, const std::string& index,
                const std::string& change) {
    sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::create);
    const auto text = [&](const std::string& sql) { return db.text(sql).value_or(""); };
    std::string made = text("SELECT sql FROM sqlite_schema WHERE name = '" + table + "'");
    made.replace(made.find(table), table.size(), "altered");
    db.exec(made);
    db.exec("INSERT INTO altered SELECT * FROM " + table);
    db.exec(change);
    std::string twin = text("SELECT sql FROM sqlite_schema WHERE name = '" + index + "'");
    std::string twin_name = "sqlite_autoindex_altered_1";
    if (!twin.empty()) {
        twin_name = "twin";
        twin.replace(twin.find(index), index.size(), twin_name);
        twin.replace(twin.find(" ON " + table), 4 + table.size(), " ON altered");
        db.exec(twin);
    }
    const auto root = [&](const std::string& name) {
        return std::to_string(
            db.integer("SELECT rootpage FROM sqlite_schema WHERE name = '" + name + "'").value_or(0));
    };
    const std::string ours = root(index);
    const std::string theirs = root(twin_name);
    REQUIRE(ours != "0");
    REQUIRE(theirs != "0");
    db.exec("PRAGMA writable_schema = ON");
    db.exec("UPDATE sqlite_schema SET rootpage = " + theirs + " WHERE name = '" + index + "'");
    db.exec("UPDATE sqlite_schema SET rootpage = " + ours + " WHERE name = '" + twin_name + "'");
    db.close();
}

struct Case {
    std::string index;
    std::string change;
};

}  // namespace

TEST_CASE(
    "index damage: a kine index that lacks a row, has one too many or another value is never believed") {
    for (const Case& c : std::vector<Case>{
             {"kine_name_index", "DELETE FROM altered WHERE id = 20"},
             {"kine_name_id_index", "INSERT INTO altered (name, id) VALUES ('/none', 777777)"},
             {"kine_id_deleted_index", "UPDATE altered SET deleted = 1 - deleted WHERE id = 20"},
             {"kine_prev_revision_index", "UPDATE altered SET prev_revision = 3 WHERE id = 20"},
             {"kine_id_compact_rev_key_with_prev_revision_index",
              "UPDATE altered SET prev_revision = 5 WHERE id = 20"},
             {"kine_name_index", "DELETE FROM altered WHERE name = 'compact_rev_key'"},
         }) {
        CAPTURE(c.index);
        CAPTURE(c.change);
        const TempDir folder;
        const KineMaker maker = random_kine(7, 120, false);
        const bool compact_row = c.change.find("compact_rev_key") != std::string::npos;
        // The oldest schema has one index that finds the compact row.
        maker.write(folder.file("s.db"),
                    {.age = compact_row ? KineAge::v0_1 : KineAge::v0_16_3, .wal = false});
        make_stale(folder.file("s.db"), "kine", c.index, c.change);
        const std::string few = std::to_string(maker.current() / 8);
        const std::string many = std::to_string(maker.current());
        check_refused(folder, {"compact", "--rev", many, "--batch", "5"});
        check_refused(folder, {"compact", "--rev", many, "--batch", "5", "--backup", folder.file("b.db")});
        check_refused(folder, {"vacuum"});
        check_refused(folder, {"vacuum", "--backup", folder.file("b.db")});
        if (!compact_row) continue;
        check_refused(folder, {"compact", "--rev", few, "--strategy", "in-place"});
        check_refused(folder, {"compact", "--rev", many, "--strategy", "rewrite"});
    }
}

TEST_CASE("index damage: few rows of a kine store go in place only where every index is sound") {
    const TempDir folder;
    KineMaker maker;
    for (int i = 0; i < 100; ++i) maker.create("/k" + std::to_string(i), "v");
    maker.update("/k1", "w");
    maker.write(folder.file("s.db"), {.wal = false});
    make_stale(folder.file("s.db"), "kine", "kine_name_id_index", "DELETE FROM altered WHERE id = 50");
    check_refused(folder, {"compact", "--rev", std::to_string(maker.current()), "--strategy", "in-place"});
    run_sql(folder.file("s.db"), "REINDEX");
    CHECK(run_cli({"compact", "--rev", std::to_string(maker.current()), "--strategy", "in-place",
                   folder.file("s.db")})
              .code == 0);
}

TEST_CASE("index damage: a native store's primary key that lies about its rows is never believed") {
    for (const char* change :
         {"DELETE FROM altered WHERE main = 30", "DELETE FROM altered WHERE main > 90",
          "UPDATE altered SET main = 1000 WHERE main = 30", "UPDATE altered SET sub = 1 WHERE main = 30"}) {
        for (const bool shuffled : {false, true}) {
            CAPTURE(std::string(change));
            CAPTURE(shuffled);
            const TempDir folder;
            make_native(folder.file("s.db"), long_history(100, 10).row_list(), {.shuffled = shuffled});
            make_stale(folder.file("s.db"), "revision", "sqlite_autoindex_revision_1", change);
            for (const char* rev : {"12", "90"}) {
                check_refused(folder, {"compact", "--rev", rev, "--strategy", "in-place"});
                check_refused(folder, {"compact", "--rev", rev, "--batch", "7"});
            }
            check_refused(folder, {"vacuum"});
            // In revision order a copy needs no index; out of it, it does.
            if (!shuffled) continue;
            check_refused(folder, {"compact", "--rev", "90", "--strategy", "rewrite"});
            const Result dry = run_cli({"compact", "--rev", "90", "-n", "-w", "json", folder.file("s.db")});
            CHECK(dry.code == 0);
            const auto report = nlohmann::json::parse(dry.out);
            // What is missing shows in the versions too.
            const auto& findings = report.at("findings");
            const auto found = std::find_if(findings.begin(), findings.end(),
                                            [](const auto& f) { return f.at("code") == "index-rows"; });
            REQUIRE(found != findings.end());
            const std::string refusal = report.at("refusal");
            CHECK(refusal.find(found->at("what")) != std::string::npos);
        }
    }
}
