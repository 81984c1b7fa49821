#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/places.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using namespace std::string_literals;
using json = nlohmann::ordered_json;

namespace {

using Args = std::vector<std::string>;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// Runs in a folder of its own on a store named s.db, so that a report holds no path that changes.
Result in_folder(const TempDir& folder, const Args& args) {
    return run({.args = args, .folder = folder.path().string()});
}

// Members stay in the order in which the report has them.
json with_fixed_duration(const std::string& document) {
    json j = json::parse(document);
    j["duration_ms"] = 0;
    return j;
}

}  // namespace

TEST_CASE("compact report: the text of a dry run and of the real run") {
    const TempDir folder;
    make_native(folder.file("s.db"), sample_history().row_list());
    const Result dry = in_folder(folder, {"compact", "--rev", "7", "--dry-run", "--list", "s.db"});
    CHECK(dry.code == 0);
    CHECK(dry.err.empty());
    check_expected("compact-dry-run.txt", dry.out);
    const std::vector<std::string> lines = lines_of(dry.out);
    CHECK(has(lines.front(), "dry run"));
    CHECK(lines.back() == "  kvctl compact --rev 7 s.db");
    const Result real = in_folder(folder, {"compact", "--rev", "7", "--list", "s.db"});
    CHECK(real.code == 0);
    check_expected("compact-real.txt", real.out);
    CHECK_FALSE(has(real.out, "would"));
    CHECK_FALSE(has(real.out, "dry run"));
}

TEST_CASE("compact report: a run with nothing to do writes its list as well") {
    const TempDir folder;
    make_native(folder.file("s.db"), sample_history().row_list());
    REQUIRE(in_folder(folder, {"compact", "--rev", "7", "s.db"}).code == 0);
    for (const char* const target : {"--rev=7", "--rev=3", "--keep-last=1000"}) {
        CAPTURE(target);
        const Result real = in_folder(folder, {"compact", target, "--list=gone", "s.db"});
        CHECK(real.code == 0);
        REQUIRE(std::filesystem::exists(folder.file("gone")));
        CHECK(std::filesystem::file_size(folder.file("gone")) == 0);
        std::filesystem::remove(folder.file("gone"));
    }
    // Nothing goes where it is not worth it.
    make_native(folder.file("t.db"), sample_history().row_list());
    for (const bool dry : {true, false}) {
        CAPTURE(dry);
        Args words{"compact", "--rev=7", "--min-gain=99%", "--list=gone", "t.db"};
        if (dry) words.emplace_back("-n");
        REQUIRE(in_folder(folder, words).code == 0);
        REQUIRE(std::filesystem::exists(folder.file("gone")));
        CHECK(std::filesystem::file_size(folder.file("gone")) == 0);
        std::filesystem::remove(folder.file("gone"));
    }
}

TEST_CASE("compact report: JSON and JSON Lines of a dry run") {
    const TempDir folder;
    make_native(folder.file("s.db"), sample_history().row_list());
    const Result document = in_folder(folder, {"compact", "--rev", "7", "-n", "--list", "--json", "s.db"});
    CHECK(document.err.empty());
    check_expected("compact-dry-run.json", with_fixed_duration(document.out).dump(2) + "\n");
    const Result stream = in_folder(folder, {"compact", "--rev", "7", "-n", "--list", "-w", "jsonl", "s.db"});
    const std::vector<std::string> lines = lines_of(stream.out);
    REQUIRE(lines.size() == 6);
    json list = json::array();
    for (std::size_t i = 0; i < 5; ++i) {
        json line = json::parse(lines[i]);
        CHECK(line.at("type") == "removed");
        line.erase("type");
        list.push_back(line);
    }
    const json whole = with_fixed_duration(document.out);
    CHECK(list == whole.at("removed_revisions"));
    json last = with_fixed_duration(lines.back());
    CHECK(last.at("type") == "summary");
    last.erase("type");
    json rest = whole;
    rest.erase("removed_revisions");
    CHECK(last == rest);
}

TEST_CASE("compact report: a kine store, in text") {
    const TempDir folder;
    KineMaker maker;
    maker.put("/registry/pods/a", "1");
    maker.put("/registry/pods/a", "2");
    maker.put("/registry/events/e", "3");
    maker.gap();
    maker.remove("/registry/events/e");
    maker.put("/registry/pods/b", "4");
    maker.write(folder.file("s.db"));
    const Result dry = in_folder(folder, {"compact", "--rev", "7", "-n", "--list", "s.db"});
    CHECK(dry.code == 0);
    check_expected("compact-kine-dry-run.txt", dry.out + "--- stderr\n" + dry.err);
}

TEST_CASE("compact report: the last line of a dry run is a command that does it") {
    struct Case {
        std::string name;  // of the store
        Args options;
    };
    for (const Case& c :
         std::vector<Case>{{"s.db", {"--rev", "7"}},
                           {"with a space.db", {"--rev=7", "--vacuum", "--strategy", "in-place"}},
                           {"it's \"quoted\" $HOME;`x`.db", {"--keep-last", "1", "--list", "--json"}},
                           {"new\nline\x1b[1m.db", {"--rev", "7", "--batch", "2", "-v"}},
                           {"b\\ack.db", {"--rev", "7", "--exit-code"}},
                           {"-dash.db", {"--rev", "7", "--tombstones", "classic", "--"}},
                           {"\xFF\xFE.db", {"--rev", "7", "--backup", "the backup"}}}) {
        const TempDir folder;
        CAPTURE(c.name);
        make_native(folder.file(c.name), sample_history().row_list());
        Args args{"compact", "-n", "-w", "text"};
        for (const std::string& o : c.options) {
            if (o != "--json") args.push_back(o);
        }
        args.push_back(c.name);
        const Result dry = in_folder(folder, args);
        CHECK_MESSAGE((dry.code == 0 || dry.code == 3), dry.err);
        const std::vector<std::string> lines = lines_of(dry.out);
        const std::string command = lines.back();
        for (const char ch : command) CHECK(static_cast<unsigned char>(ch) >= 0x20);
        // bash and zsh understand the quotes that control characters need; a plain shell all others.
        const std::string shell = has(command, "$'") ? "bash" : "sh";
        const std::string path = std::filesystem::path(kvctl_exe()).parent_path().string();
        const Result real = run({.args = {"-c", command},
                                 .program = shell,
                                 .environment = {{"PATH", path + ":" + std::getenv("PATH")}},
                                 .folder = folder.path().string()});
        CHECK_MESSAGE(real.code == 0, real.err);
        CHECK(native_meta(folder.file(c.name), "finished_compact_rev") >= 4);
    }
}

TEST_CASE("compact report: quiet is silent in every format, warnings included") {
    for (const char* format : {"text", "json", "jsonl"}) {
        for (const Args& mode : std::vector<Args>{{"-n"}, {"--list"}, {"--vacuum"}}) {
            const TempDir folder;
            const std::string db = folder.file("s.db");
            KineMaker maker = random_kine(8, 30, false);
            maker.write(db, {.after = "DELETE FROM kine WHERE name = 'compact_rev_key'"});
            Args args{"compact", "--rev", "20", "-q", "-w", format, db};
            args.insert(args.end(), mode.begin(), mode.end());
            const Result r = run_cli(args);
            CHECK(r.code == 0);
            CHECK(r.out.empty());
            CHECK(r.err.empty());
        }
    }
}

TEST_CASE("compact report: stderr holds nothing under a JSON format, warnings stand in the document") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker = random_kine(8, 30, false);
    maker.write(db, {.after = "DELETE FROM kine WHERE name = 'compact_rev_key'"});
    const Result text = run_cli({"compact", "--rev", "20", "-n", db});
    CHECK(has(text.err, "warning: "));
    for (const char* format : {"json", "jsonl"}) {
        const Result r = run_cli({"compact", "--rev", "20", "-n", "-w", format, db});
        CHECK(r.err.empty());
        CHECK(has(json::parse(r.out).at("warnings").dump(), "missing"));
    }
}

TEST_CASE("compact report: keys of any bytes in every format") {
    const std::vector<std::string> keys{
        "plain",           "nul\0nul"s, "new\nline",     "tab\tback\\slash",
        "esc\x1b[31m",     "quote\"'",  "\xFF\xFE/\x80", "\xC3\xA4\xE2\x82\xAC",
        "\xE2\x80\xAErtl", "",          "\x7F\xC2\x85",  " space "};
    naive::Store s(naive::k_classic);
    for (int round = 0; round < 2; ++round) {
        for (const std::string& key : keys) {
            s.put(key, "v");
            s.end();
        }
    }
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, s.row_list());
    const std::string rev = std::to_string(s.current());
    const Result document = run_cli({"compact", "--rev", rev, "-n", "--list", "--json", db});
    CHECK(document.code == 0);
    const json list = json::parse(document.out).at("removed_revisions");
    REQUIRE(list.size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const bool text = is_utf8(keys[i]);
        CHECK(list[i].at("key_encoding") == (text ? "utf-8" : "base64"));
        const auto key = list[i].at("key").get<std::string>();
        CHECK((text ? key : base64_decode(key).value_or("?")) == keys[i]);
    }
    const Result stream = run_cli({"compact", "--rev", rev, "-n", "--list", "-w", "jsonl", db});
    CHECK(lines_of(stream.out).size() == keys.size() + 1);
    const Result text = run_cli({"compact", "--rev", rev, "-n", "--list", db});
    CHECK(text.code == 0);
    for (const char c : text.out) {
        const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
        CHECK_FALSE((control || c == '\x7F'));
    }
    CHECK(is_utf8(text.out));
    for (const std::string& key : keys) CHECK(has(text.out, escape(key)));
    CHECK(has(text.out, "nul\\x00nul"));
    CHECK(has(text.out, "esc\\x1b[31m"));
    const Result index = run_cli({"index", db});
    CHECK(is_utf8(index.out));
    CHECK(lines_of(index.out).size() == keys.size() * 2);
    const json tree = json::parse(run_cli({"index", "--json", db}).out);
    CHECK(tree.at("keys").size() == keys.size());
}

TEST_CASE("compact report: the list is in revision order, each with its reason") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker;
    maker.put("/a", "1");
    maker.put("/a", "22");
    maker.gap();
    maker.put("/b", "1");
    maker.remove("/b");
    const std::int64_t id = maker.current();
    maker.raw({id + 1, "/o", 1, 0, 0, 0, 0, "first"});
    maker.raw({id + 2, "/o", 1, 0, 0, 5000, 0, "second"});
    maker.put("/c", "1");
    maker.write(db);
    const json list = json::parse(run_cli({"compact", "--rev", "9", "-n", "--list", "--json", db}).out)
                          .at("removed_revisions");
    std::vector<std::string> got;
    for (const json& r : list) {
        got.push_back(std::to_string(r.at("main").get<int>()) + " " + r.at("key").get<std::string>() + " " +
                      r.at("reason").get<std::string>() + " " +
                      (r.contains("by") ? std::to_string(r.at("by").at("main").get<int>()) : "-") + " " +
                      std::to_string(r.at("bytes").get<int>()));
        CHECK(r.at("sub") == 0);
    }
    CHECK(got == std::vector<std::string>{"3 /a superseded 4 3", "5 gap-5 gap - 5", "6 /b superseded 7 3",
                                          "7 /b tombstone - 3", "8 /o orphan 9 7"});
}

TEST_CASE("compact report: a list in a file of its own, private, as text or JSON Lines") {
    for (const char* format : {"text", "json", "jsonl"}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        make_native(db, sample_history().row_list());
        const std::string list = folder.file("list");
        const Result r = run_cli({"compact", "--rev", "7", "-n", "--list=" + list, "-w", format, db});
        CHECK(r.code == 0);
        CHECK_FALSE(has(r.out, "superseded"));
        struct stat st {};
        REQUIRE(::stat(list.c_str(), &st) == 0);
        CHECK((st.st_mode & 07777) == 0600);
        const std::vector<std::string> lines = lines_of(read_file(list));
        REQUIRE(lines.size() == 5);
        if (std::string(format) == "text") {
            CHECK(lines.front() == "2.0\tsuperseded\t4.0\t5\tfoo");
            CHECK(lines.back() == "7.2\ttombstone\t-\t3\tbar");
        } else {
            CHECK(json::parse(lines.front()).at("type") == "removed");
        }
    }
}

TEST_CASE("compact report: a file that the list cannot be written to stops the work before it begins") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    const std::string bytes = read_file(db);
    const Result r = run_cli({"compact", "--rev", "7", "--list=" + folder.file("no/list"), "-w", "json", db});
    CHECK(r.code == 7);
    CHECK(read_file(db) == bytes);
}

TEST_CASE("compact report: dry run and real run agree in every number, whatever the way") {
    const TempDir folder{fast_folder()};
    for (const Args& way : std::vector<Args>{{}, {"--vacuum"}, {"--strategy", "rewrite"}, {"--batch", "3"}}) {
        for (const char* rev : {"0", "1", "4", "5", "7", "8"}) {
            const std::string db = folder.file("s.db");
            std::filesystem::remove(db);
            make_native(db, sample_history().row_list());
            Args args{"compact", "--rev", rev, "--list", "--json", db};
            args.insert(args.end(), way.begin(), way.end());
            Args dry_args = args;
            dry_args.emplace_back("-n");
            const std::string bytes = read_file(db);
            json dry = json::parse(run_cli(dry_args).out);
            CHECK(read_file(db) == bytes);
            json real = json::parse(run_cli(args).out);
            CHECK(dry.at("result") == "would-compact");
            CHECK(real.at("result") == "compacted");
            for (const char* varies : {"result", "dry_run", "size", "duration_ms"}) {
                dry.erase(varies);
                real.erase(varies);
            }
            CHECK(dry == real);
        }
    }
}

TEST_CASE("compact report: sizes as plain numbers on request") {
    const TempDir folder;
    make_native(folder.file("s.db"), sample_history().row_list());
    const Result plain = in_folder(folder, {"compact", "--rev", "7", "-n", "--bytes", "s.db"});
    CHECK(has(plain.out, std::to_string(std::filesystem::file_size(folder.file("s.db")))));
    CHECK_FALSE(has(plain.out, "KiB"));
}
