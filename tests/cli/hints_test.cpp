#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "kvctl/jobs/status.hpp"
#include "kvctl/sqlite/database.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// No hint of `status` names a command that kvctl itself then refuses.

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// What a shell would be given for a hint: its command, and any that its text has in quotes.
std::vector<std::string> commands_of(const Hint& hint) {
    std::vector<std::string> commands;
    if (!hint.command.empty()) commands.push_back(hint.command);
    static const std::regex k_quoted("'(kvctl [^']*)'");
    for (std::sregex_iterator m(hint.text.begin(), hint.text.end(), k_quoted), end; m != end; ++m)
        commands.push_back((*m)[1]);
    return commands;
}

struct Tried {
    std::set<std::string> codes;           // of every hint that was given
    std::set<std::string> with_a_command;  // of those that say what to run
};

// Status from within `folder`, then each command of its hints, as somebody at a shell there would.
void try_hints(const TempDir& folder, const std::string& path, Tried& tried, bool held = false) {
    CAPTURE(path);
    const Result r = run({.args = {"status", "-w", "json", "--", path}, .folder = folder.path().string()});
    REQUIRE_MESSAGE(r.code == 0, r.err);
    const json told = json::parse(r.out).at("hints");
    const fs::path here = fs::current_path();
    fs::current_path(folder.path());
    const std::vector<Hint> hints = jobs::status({path, {}, std::nullopt}, nullptr).hints;
    fs::current_path(here);
    REQUIRE(told.size() == hints.size());
    const std::string bin = fs::path(kvctl_exe()).parent_path().string();
    for (std::size_t i = 0; i < hints.size(); ++i) {
        Hint hint = hints[i];
        // What this process holds itself it does not see: another one names what works beside it.
        if (told[i] != hint.text) {
            CHECK(held);
            hint.text = told[i];
            const std::size_t at = hint.text.find(": kvctl compact --live ");
            REQUIRE(at != std::string::npos);
            hint.command = hint.text.substr(at + 2);
        }
        tried.codes.insert(hint.code);
        for (const std::string& command : commands_of(hint)) {
            CAPTURE(command);
            tried.with_a_command.insert(hint.code);
            const Result done = run({.args = {"-c", "export PATH=" + bin + ":$PATH; " + command},
                                     .program = "/bin/sh",
                                     .folder = folder.path().string()});
            CHECK_MESSAGE((done.code == 0 || done.code == 3), done.code << ": " << done.err);
            fs::remove(folder.path() / "NEW");
        }
    }
}

// Free pages without number: a megabyte and more than a quarter of the file.
constexpr const char* k_free_pages =
    "CREATE TABLE ballast AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 600)"
    " SELECT randomblob(4000) AS b FROM n; DROP TABLE ballast;";

KineMaker long_kine() {
    KineMaker kine;
    for (int i = 0; i < 2500; ++i) kine.put("/registry/k" + std::to_string(i % 7), std::string(40, 'v'));
    return kine;
}

}  // namespace

TEST_CASE("hints: those of the recorded stores are commands that run") {
    Tried tried;
    for (const char* name :
         {"stores/k3s-sample.db", "cases/kine-fresh-0.17.5.db", "cases/default-rule-on-3.7.db",
          "cases/restored-bumped.db", "cases/restored-bumped-twice.db", "cases/snapshot-odd-txid.db",
          "cases/state-db-copied-without-wal.db"}) {
        const TempDir folder;
        fs::copy_file(testdata(name), folder.file("s.db"));
        try_hints(folder, "s.db", tried);
    }
    CHECK(!tried.codes.empty());
}

TEST_CASE("hints: those of native stores are commands that run") {
    Tried tried;
    {
        const TempDir folder;
        make_native(folder.file("pending.db"), sample_history().row_list(),
                    {.meta = {{"scheduled_compact_rev", 5}}});
        try_hints(folder, "pending.db", tried);
        make_native(folder.file("free.db"), sample_history().row_list(), {.after = k_free_pages});
        try_hints(folder, "free.db", tried);
        make_native(folder.file("-history of it.db"), long_history(2500, 7).row_list());
        try_hints(folder, "-history of it.db", tried);
        make_native(folder.file("damaged.db"), sample_history().row_list(),
                    {.after = "UPDATE revision SET version = 77 WHERE main = 4;"
                              "UPDATE revision SET lease = 'x' WHERE main = 3;"
                              "INSERT INTO meta VALUES ('scheduled_compact_rev', 2)"});
        try_hints(folder, "damaged.db", tried);
    }
    for (const bool wal : {true, false}) {
        const TempDir folder;
        make_native(folder.file("held.db"), long_history(2500, 7).row_list(),
                    {.wal = wal, .after = k_free_pages, .meta = {{"scheduled_compact_rev", 5}}});
        sqlite::Database held = sqlite::Database::open(folder.file("held.db"), sqlite::Database::Mode::write);
        (void)held.integer("SELECT count(*) FROM revision");
        try_hints(folder, "held.db", tried);
    }
    for (const char* code : {"pending-compaction", "free-space", "history"}) {
        CAPTURE(std::string(code));
        CHECK(tried.with_a_command.contains(code));
    }
}

TEST_CASE("hints: those of kine stores are commands that run") {
    Tried tried;
    const KineMaker kine = long_kine();
    const std::vector<std::pair<std::string, std::string>> shapes{
        {"plain", ""},
        {"free pages", k_free_pages},
        {"no compact row", "DELETE FROM kine WHERE name = 'compact_rev_key'"},
        {"damaged rows", "UPDATE kine SET prev_revision = NULL, lease = 'x' WHERE id IN (5, 6, 7, 8, 9)"},
        {"trigger", "CREATE TRIGGER t AFTER DELETE ON kine BEGIN SELECT 1; END"},
        {"column", "ALTER TABLE kine ADD COLUMN more DEFAULT 1"},
        {"old table", "CREATE TABLE key_value (id INTEGER); INSERT INTO key_value VALUES (1)"},
        {"litestream", "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)"},
        {"no indexes", "DROP INDEX kine_name_index; DROP INDEX kine_name_prev_revision_uindex"},
        {"hole", "DELETE FROM kine WHERE id = 2000"},
        {"keyless", std::string("CREATE TABLE copy AS SELECT * FROM kine; DROP TABLE kine; ALTER TABLE copy "
                                "RENAME TO kine; INSERT INTO kine (name) VALUES ('/lost');") +
                        k_free_pages}};
    for (const auto& [name, sql] : shapes) {
        const TempDir folder;
        CAPTURE(name);
        kine.write(folder.file("state.db"), {.wal = true, .after = sql});
        try_hints(folder, "state.db", tried);
        sqlite::Database held =
            sqlite::Database::open(folder.file("state.db"), sqlite::Database::Mode::write);
        (void)held.integer("SELECT count(*) FROM kine");
        try_hints(folder, "state.db", tried, true);
    }
    for (const char* code : {"free-space", "history", "no-primary-key", "null-column"}) {
        CAPTURE(std::string(code));
        CHECK(tried.with_a_command.contains(code));
    }
    for (const char* code : {"compact-row", "legacy-table", "litestream", "holes", "missing-index"}) {
        CAPTURE(std::string(code));
        CHECK(tried.codes.contains(code));
    }
}

TEST_CASE("hints: those of an etcd file one of whose metas cannot be read are commands that run") {
    Tried tried;
    int read = 0;
    for (const std::size_t meta : {0, 1}) {
        const TempDir folder;
        std::string image = read_file(testdata("cases/restored-bumped.db"));
        image.at(meta * 4096 + 40) = static_cast<char>(image.at(meta * 4096 + 40) ^ 1);
        write_file(folder.file("db"), image);
        try_hints(folder, "db", tried);
        ++read;
    }
    CHECK(read == 2);
    CHECK(!tried.with_a_command.empty());
}

TEST_CASE("hints: a finding is shown with the command that tells more, once for several") {
    const TempDir dir;
    const std::string path = dir.file("it is cut.db");
    const std::string whole = read_file(testdata("cases/snapshot-odd-txid.db"));
    write_file(path, whole.substr(0, whole.size() - 5));
    const Result r = run({.args = {"status", path}});
    CHECK(r.code == 0);
    const std::size_t at = r.out.find("\n    kvctl check '" + path + "'\n");
    REQUIRE_MESSAGE(at != std::string::npos, r.out);
    CHECK(r.out.find("kvctl check", at + 10) == std::string::npos);
}

TEST_CASE("hints: of one store of several in an archive they name it") {
    const TempDir folder;
    for (const char* name : {"a.db", "b.db"}) long_kine().write(folder.file(name), {});
    const std::string in = "cd " + folder.path().string() + " && ";
    if (std::system((in + "tar cf both a.db b.db").c_str()) != 0) return;
    const Result r = run_cli({"status", "-w", "json", "--member", "b.db", folder.file("both")});
    REQUIRE(r.code == 0);
    const json hints = json::parse(r.out).at("hints");
    REQUIRE(!hints.empty());
    CHECK(has(hints[0].get<std::string>(), " --member b.db " + folder.file("both")));
}
