#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/places.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

// Runs `compact` on a fresh sample store; `store` is replaced by its path.
Result on_sample(const TempDir& folder, const Args& options, const NativeShape& shape = {}) {
    const std::string db = folder.file("s.db");
    std::filesystem::remove(db);
    make_native(db, sample_history().row_list(), shape);
    Args args{"compact"};
    args.insert(args.end(), options.begin(), options.end());
    args.push_back(db);
    return run_cli(args);
}

std::string kind_of(const Result& r) {
    return json::parse(r.err).at("error").at("kind").get<std::string>();
}

}  // namespace

TEST_CASE("compact: exit 0 when done and when there is nothing to do") {
    const TempDir folder;
    CHECK(on_sample(folder, {"--rev", "7"}).code == 0);
    const std::string db = folder.file("s.db");
    for (const char* rev : {"7", "6", "0"}) {
        const std::string bytes = read_file(db);
        const Result again = run_cli({"compact", "--rev", rev, "-w", "json", db});
        CHECK(again.code == 0);
        const json report = json::parse(again.out);
        CHECK(report.at("result") == "already-compacted");
        CHECK(report.at("dry_run") == false);
        CHECK(report.at("revisions").at("compacted_after") == 7);
        CHECK(report.at("removed").at("revisions") == 0);
        CHECK(read_file(db) == bytes);
        const Result dry = run_cli({"compact", "--rev", rev, "-n", "-w", "json", db});
        CHECK(json::parse(dry.out).at("result") == "already-compacted");
    }
}

TEST_CASE("compact: revision 0 is accepted once, as in etcd") {
    const TempDir folder;
    const Result first = on_sample(folder, {"--rev", "0", "-w", "json"});
    CHECK(first.code == 0);
    const json report = json::parse(first.out);
    CHECK(report.at("result") == "compacted");
    CHECK(report.at("revisions").at("compacted_before") == -1);
    CHECK(report.at("revisions").at("compacted_after") == 0);
    CHECK(native_meta(folder.file("s.db"), "finished_compact_rev") == 0);
    const Result second = run_cli({"compact", "--rev", "0", "-w", "json", folder.file("s.db")});
    CHECK(json::parse(second.out).at("result") == "already-compacted");
}

TEST_CASE("compact: no target is usage, and says what the store has") {
    const TempDir folder;
    const Result r = on_sample(folder, {});
    CHECK(r.code == 2);
    CHECK(has(r.err, "current revision is 8"));
    for (const char* option : {"--rev", "--keep-last", "--target-size"}) CHECK(has(r.err, option));
    CHECK(on_sample(folder, {"-n"}).code == 2);
}

TEST_CASE("compact: usage errors, exit 2, nothing touched") {
    const std::vector<Args> cases{
        {"--rev", "-1"},
        {"--rev=-1"},
        {"--rev", "9223372036854775808"},
        {"--rev", "18446744073709551615"},
        {"--rev", "7x"},
        {"--rev", ""},
        {"--rev", "7.0"},
        {"--rev", "0x7"},
        {"--rev", " 7"},
        {"--rev", "7", "--rev", "7"},
        {"--rev", "7", "--keep-last", "1"},
        {"--rev", "7", "--target-size", "1M"},
        {"--keep-last", "-1"},
        {"--keep-last", "x"},
        {"--target-size", "x"},
        {"--target-size", "-5"},
        {"--rev", "7", "--batch", "0"},
        {"--rev", "7", "--batch", "-3"},
        {"--rev", "7", "--batch", "3", "-o", "new.db"},
        {"--rev", "7", "--batch", "3", "--strategy", "rewrite"},
        {"--rev", "7", "--strategy", "fast"},
        {"--rev", "7", "--strategy", "in-place", "-o", "new.db"},
        {"--rev", "7", "--backup", "b.db", "-o", "new.db"},
        {"--rev", "7", "--vacuum", "-o", "new.db"},
        {"--rev", "7", "--tombstones", "kine"},
        {"--rev", "7", "--tombstones", "classic", "--etcd-version", "3.4.23"},
        {"--rev", "7", "--etcd-version", "latest"},
        {"--rev", "7", "--min-gain", "101%"},
        {"--rev", "7", "--min-gain", "lots"},
        {"--rev", "7", "--timeout", "soon"},
        {"--rev", "7", "--timeout", "-1s"},
        {"--rev", "7", "--layout", "oracle"},
        {"--rev", "7", "--raft-keep", "5"},
        {"--rev", "7", "--write-out", "xml"},
        {"--rev", "7", "--dry"},
        {"--rev", "7", "superfluous.db"},
    };
    for (const Args& options : cases) {
        const TempDir folder;
        std::string shown;
        for (const std::string& o : options) shown += o + " ";
        CAPTURE(shown);
        const Result r = on_sample(folder, options);
        CHECK_MESSAGE(r.code == 2, r.err);
        CHECK(r.out.empty());
        CHECK(native_meta(folder.file("s.db"), "finished_compact_rev") == -1);
        CHECK(folder.names() == std::vector<std::string>{"s.db"});
    }
    CHECK(run_cli({"compact", "--rev", "7"}).code == 2);
}

TEST_CASE("compact: a future revision is exit 4, in etcd's words, with the current one") {
    const TempDir folder;
    for (const char* rev : {"9", "9223372036854775807"}) {
        for (const char* mode : {"-n", "--vacuum"}) {
            const Result r = on_sample(folder, {"--rev", rev, mode, "-w", "json"});
            CHECK(r.code == 4);
            CHECK(kind_of(r) == "future-revision");
            CHECK(has(r.err, "required revision is a future revision"));
            CHECK(has(r.err, "current revision is 8"));
            CHECK(native_meta(folder.file("s.db"), "finished_compact_rev") == -1);
        }
    }
}

TEST_CASE("compact: --exit-code is 3 when something goes, 0 when nothing does") {
    const TempDir folder;
    CHECK(on_sample(folder, {"--rev", "7", "-n", "--exit-code"}).code == 3);
    CHECK(on_sample(folder, {"--rev", "3", "-n", "--exit-code"}).code == 0);
    CHECK(on_sample(folder, {"--rev", "7", "--exit-code"}).code == 3);
    CHECK(run_cli({"compact", "--rev", "7", "--exit-code", folder.file("s.db")}).code == 0);
    CHECK(on_sample(folder, {"--rev", "7", "--exit-code", "--min-gain", "1G"}).code == 0);
}

TEST_CASE("compact: a live revision that etcd's own rule would lose is shown, and executing is refused") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, hazard_history().row_list());
    const std::string bytes = read_file(db);
    const Result dry =
        run_cli({"compact", "--rev", "9", "--tombstones", "keep-at-rev", "-n", "--list", "--json", db});
    CHECK(dry.code == 0);
    const json report = json::parse(dry.out);
    CHECK(report.at("kept").at("revisions") == 4);
    REQUIRE(report.at("findings").size() == 1);
    CHECK(report.at("findings")[0].at("code") == "lost-live-revision");
    CHECK(report.at("findings")[0].at("revision") == 9);
    const Result real = run_cli({"compact", "--rev", "9", "--tombstones", "keep-at-rev", "-w", "json", db});
    CHECK(real.code == 4);
    CHECK(kind_of(real) == "refused");
    CHECK(has(real.err, "--tombstones classic"));
    CHECK(has(real.err, "9.4"));
    CHECK(read_file(db) == bytes);
    CHECK(run_cli({"compact", "--rev", "9", db}).code == 0);
    CHECK(native_rows(db).size() == 1);
}

TEST_CASE("compact: an output, a backup or a list that exists is refused and left alone") {
    for (const Args& options : std::vector<Args>{{"-o", "taken"}, {"--backup", "taken"}, {"--list=taken"}}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        make_native(db, sample_history().row_list());
        const std::string bytes = read_file(db);
        write_file(folder.file("taken"), "precious");
        Args args{"compact", "--rev", "7", "-w", "json", "s.db"};
        args.insert(args.end(), options.begin(), options.end());
        const Result r = run({.args = args, .folder = folder.path().string()});
        CAPTURE(options.front());
        CHECK(r.code == 4);
        CHECK(kind_of(r) == "refused");
        CHECK(has(r.err, "taken"));
        CHECK(read_file(folder.file("taken")) == "precious");
        CHECK(read_file(db) == bytes);
        CHECK(folder.names() == std::vector<std::string>{"s.db", "taken"});
    }
}

TEST_CASE("compact: an output in a folder that is not there is exit 7") {
    const TempDir folder;
    const Result r = on_sample(folder, {"--rev", "7", "-o", folder.file("no/such/new.db"), "-w", "json"});
    CHECK(r.code == 7);
    CHECK(kind_of(r) == "io");
    CHECK(folder.names() == std::vector<std::string>{"s.db"});
}

TEST_CASE("compact: a trigger or a foreign column on the revisions is refused by name") {
    struct Case {
        std::string sql;
        std::string named;
    };
    for (const Case& c : std::vector<Case>{
             {"CREATE TRIGGER watchman AFTER DELETE ON revision BEGIN SELECT 1; END", "watchman"},
             {"ALTER TABLE revision ADD COLUMN added_by_hand TEXT", "added_by_hand"},
             {"ALTER TABLE revision ADD COLUMN doubled INTEGER GENERATED ALWAYS AS (main * 2)", "doubled"}}) {
        const TempDir folder;
        CAPTURE(c.named);
        CHECK(on_sample(folder, {"--rev", "7", "-n"}, {.after = c.sql}).code == 0);
        const Result r = on_sample(folder, {"--rev", "7", "-w", "json"}, {.after = c.sql});
        CHECK(r.code == 4);
        CHECK(kind_of(r) == "refused");
        CHECK(has(r.err, c.named));
        CHECK(native_meta(folder.file("s.db"), "finished_compact_rev") == -1);
    }
}

TEST_CASE("compact: a report that does not arrive is exit 7, the work is done all the same") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    const Result r = run({.args = {"compact", "--rev", "7", db}, .out_path = "/dev/full"});
    CHECK(r.code == 7);
    CHECK(has(r.err, "No space left on device"));
    CHECK(native_meta(db, "finished_compact_rev") == 7);
    CHECK(run({.args = {"compact", "--rev", "8", "-q", db}, .out_path = "/dev/full"}).code == 0);
}

TEST_CASE("compact: a full disk is noticed before the work, or rolls it back") {
    const TempDir folder;
    const std::string mount = folder.file("small");
    std::filesystem::create_directory(mount);
    if (::mount("none", mount.c_str(), "tmpfs", 0, "size=400k") != 0) {
        MESSAGE("skipped: no small file system can be mounted here");
        return;
    }
    const std::string db = mount + "/s.db";
    make_native(db, long_history(900, 300, 100).row_list());
    // What is left cannot take a copy of the survivors.
    {
        std::string filler(400 << 10, 'x');
        std::ofstream(mount + "/filler", std::ios::binary)
            .write(filler.data(), static_cast<std::streamsize>(filler.size()));
    }
    const std::string bytes = read_file(db);
    const Result rewrite = run_cli({"compact", "--rev", "500", "--vacuum", "-w", "json", db});
    const Result output = run_cli({"compact", "--rev", "500", "-o", mount + "/new.db", "-w", "json", db});
    const Result backup = run_cli({"compact", "--rev", "500", "--backup", mount + "/b.db", "-w", "json", db});
    const Result in_place = run_cli({"compact", "--rev", "900", "--strategy", "in-place", "-w", "json", db});
    const bool same = read_file(db) == bytes;
    const Result dry = run_cli({"compact", "--rev", "500", "-n", db});
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(mount))
        names.push_back(entry.path().filename().string());
    ::umount(mount.c_str());
    CHECK(rewrite.code == 4);
    CHECK(has(rewrite.err, "\"kind\":\"no-space\""));
    CHECK(output.code == 4);
    CHECK(backup.code == 4);
    CHECK_MESSAGE((in_place.code == 4 || in_place.code == 7), in_place.err);
    CHECK(same);
    CHECK(dry.code == 0);
    CHECK(names.size() == 2);
}

TEST_CASE("compact: a store that may not be written is exit 7, and readable all the same") {
    if (::geteuid() == 0) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        make_native(db, sample_history().row_list());
        ::chmod(folder.path().c_str(), 0755);
        ::chmod(db.c_str(), 0444);
        const std::string bytes = read_file(db);
        const std::string drop = "setpriv --reuid 65534 --regid 65534 --clear-groups ";
        if (std::system("command -v setpriv > /dev/null") != 0) {
            MESSAGE("skipped: no setpriv");
            return;
        }
        const std::string log = folder.file("log");
        const int real =
            std::system((drop + kvctl_exe() + " compact --rev 7 -w json " + db + " 2> " + log).c_str());
        if (WEXITSTATUS(real) == 126 || WEXITSTATUS(real) == 127) {
            MESSAGE("skipped: the program cannot be run by another user");
            return;
        }
        CHECK(WEXITSTATUS(real) == 7);
        CHECK(has(read_file(log), "\"kind\":\"io\""));
        const int dry = std::system((drop + kvctl_exe() + " compact --rev 7 -n " + db + " > " + log).c_str());
        CHECK(WEXITSTATUS(dry) == 0);
        CHECK(read_file(db) == bytes);
    }
}
