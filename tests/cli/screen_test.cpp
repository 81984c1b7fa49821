// What a person at a terminal sees: how wide, how much, in which words, and what is said to old habits.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/base/text.hpp"
#include "kvctl/report/screen.hpp"
#include "kvctl/report/table.hpp"
#include "kvctl/report/width.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/kube_objects.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"
#include "tools/commands.hpp"
#include "tools/habits.hpp"
#include "tools/terminal.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;
using report::TextStyle;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// Keys longer than a screen is wide, wide characters among them, and much history.
std::string busy_store(const TempDir& folder) {
    KineMaker kine;
    for (int i = 0; i < 3000; ++i) {
        const std::string name =
            "/registry/kind" + std::to_string(i % 30) + "/a-namespace-with-a-name/" + std::string(60, 'n');
        kine.put(i % 7 == 0 ? "/registry/本番/サービス-" + std::to_string(i % 40) : name,
                 std::string(300, 'v'));
    }
    kine.write(folder.file("s.db"), {});
    return folder.file("s.db");
}

struct Screen {
    std::size_t columns = 80;
    std::size_t rows = 24;
};

// The same as at a terminal of that size.
Result run_at(const std::vector<std::string>& args, Screen screen = {}) {
    std::ostringstream out;
    std::ostringstream err;
    cli::Io io{out, err, true, false, screen.columns, screen.rows};
    const int code = cli::run(args, io);
    return {code, out.str(), err.str()};
}

TextStyle plain() {
    TextStyle style;
    style.format_bytes = format_bytes;
    return style;
}

}  // namespace

TEST_CASE("screen: characters are as wide as a terminal draws them") {
    struct Row {
        std::string text;
        std::size_t columns;
    };
    for (const Row& row : std::vector<Row>{{"", 0},
                                           {"abc", 3},
                                           {"本番", 4},
                                           {"サ", 2},
                                           {"e\u0301", 1},
                                           {"é", 1},
                                           {"\u2588\u2592", 2},
                                           {"\U0001F600", 2},
                                           {"\x1b[32mgreen\x1b[0m", 5}}) {
        CAPTURE(row.text);
        CHECK(report::display_width(row.text) == row.columns);
    }
}

TEST_CASE("screen: a long text loses its middle, a short one nothing") {
    CHECK(report::shorten_middle("/registry/pods/web", 18) == "/registry/pods/web");
    CHECK(report::shorten_middle("/registry/pods/web", 11) == "/regi\u2026s/web");
    CHECK(report::shorten_middle("/registry/pods/web", 0) == "/registry/pods/web");
    CHECK(report::shorten_middle("/registry/pods/web", 11, true) == "/reg..s/web");
    CHECK(report::shorten_middle("/registry/pods/web", 18, true) == "/registry/pods/web");
    for (std::size_t columns = 1; columns < 30; ++columns) {
        CAPTURE(columns);
        for (const bool ascii : {true, false}) {
            CHECK(report::display_width(
                      report::shorten_middle("/登録/サービス/本番-1234567", columns, ascii)) <= columns);
        }
    }
}

TEST_CASE("screen: a table fits by its first column, and colours take no room") {
    report::Table t(2);
    t.fit(report::TextStyle{.columns = 30, .bars = report::TextStyle::Bars::unicode});
    t.row({"key", "bytes"});
    t.row({"/registry/pods/default/web-0", "\x1b[32m12.0 KiB\x1b[0m"});
    std::ostringstream out;
    t.write(out);
    CHECK(lines_of(out.str()).front() == "  key                    bytes");
    for (const std::string& line : lines_of(out.str())) CHECK(report::display_width(line) == 30);
}

TEST_CASE("screen: the gain, in bytes and per cent") {
    constexpr std::uint64_t k_mib = 1 << 20;
    CHECK(report::gain(plain(), 36 * k_mib, 2 * k_mib, false) ==
          "36.0 MiB to 2.0 MiB: frees 34.0 MiB (94 %)");
    CHECK(report::gain(plain(), 36 * k_mib, 2 * k_mib, true) == "36.0 MiB to 2.0 MiB: freed 34.0 MiB (94 %)");
    CHECK(report::gain(plain(), 5, 5, true).empty());
    CHECK(report::gain(plain(), 5, 6, true).empty());
    CHECK(report::percent(0, 10) == "0 %");
    CHECK(report::percent(1, 1000) == "under 1 %");
    CHECK(report::percent(999, 1000) == "99 %");
    CHECK(report::percent(10, 10) == "100 %");
}

TEST_CASE("screen: a bar shows whatever is there, and never more than all") {
    TextStyle style = plain();
    CHECK(report::bar(style, 1, 1, 2, 10).empty());
    style.bars = TextStyle::Bars::ascii;
    CHECK(report::bar(style, 5, 5, 10, 10) == "#####=====");
    CHECK(report::bar(style, 1, 9999, 10000, 10) == "#=========");
    CHECK(report::bar(style, 9999, 1, 10000, 10) == "#########=");
    CHECK(report::bar(style, 0, 0, 10, 10).empty());
    CHECK(report::bar(style, 0, 1, 10000, 10) == "=");
}

TEST_CASE("screen: du, status and a dry run fit 80 columns and 24 lines") {
    const TempDir folder;
    const std::string db = busy_store(folder);
    const std::filesystem::path here = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    for (const std::vector<std::string>& args :
         std::vector<std::vector<std::string>>{{"du", "s.db"},
                                               {"status", "s.db"},
                                               {"du", "--by", "resource", "s.db"},
                                               {"compact", "-n", "--keep-last", "10", "s.db"}}) {
        CAPTURE(args.front());
        const Result r = run_at(args);
        CHECK(r.code == 0);
        const std::vector<std::string> lines = lines_of(r.out);
        CHECK(lines.size() < 24);
        // The first line is a sentence, and a path is as long as it is.
        for (std::size_t i = 1; i < lines.size(); ++i) {
            CAPTURE(lines[i]);
            CHECK((report::display_width(lines[i]) <= 80 || lines[i].starts_with("    kvctl") ||
                   has(lines[i], "hint")));
        }
    }
    std::filesystem::current_path(here);
    // In a pipe every key is whole, and there are no bars.
    const Result piped = run_cli({"du", db});
    CHECK(has(piped.out, std::string(60, 'n')));
    CHECK(!has(piped.out, "==="));
    CHECK(!has(piped.out, "\u2588"));
}

TEST_CASE("screen: churn, explain and diff fit 80 columns, whatever the keys are called") {
    const TempDir folder;
    const std::string db = busy_store(folder);
    const std::string other = folder.file("other.db");
    std::filesystem::copy_file(db, other);
    for (const std::vector<std::string>& args :
         std::vector<std::vector<std::string>>{{"churn", "--by", "key", db},
                                               {"churn", "--by", "key", "--under", "/registry/", db},
                                               {"explain", "--at", "17", db},
                                               {"explain", "--at", "14", db},
                                               {"diff", db, other}}) {
        CAPTURE(args.front());
        const Result r = run_at(args);
        CHECK(r.code == 0);
        for (const std::string& line : lines_of(r.out))
            CHECK_MESSAGE(report::display_width(line) <= 80, line);
    }
    CHECK(has(run_cli({"explain", "--at", "14", db}).out, std::string(60, 'n')));  // in a pipe it is whole
}

TEST_CASE("screen: the bars of a timeline fit 80 columns") {
    const TempDir folder;
    KineMaker kine;
    for (int i = 0; i < 500; ++i) {
        const std::int64_t now = 1780000000 + i * 10;
        kine.put("/registry/leases/kube-node-lease/n1",
                 make_lease({"n1", "kube-node-lease", 1780000000, {{"kubelet", now}}}, "n1", now));
    }
    kine.write(folder.file("s.db"), {});
    const Result r = run_at({"timeline", folder.file("s.db")});
    CHECK(has(r.out, "####"));
    for (const std::string& line : lines_of(r.out)) CHECK_MESSAGE(report::display_width(line) <= 80, line);
}

TEST_CASE("screen: the first line says the gain, the same that JSON has") {
    const TempDir folder;
    const std::string db = busy_store(folder);
    for (const bool vacuum : {true, false}) {
        CAPTURE(vacuum);
        std::vector<std::string> args{"compact", "-n", "--keep-last", "10", db};
        if (vacuum) args.insert(args.end() - 1, "--vacuum");
        if (!vacuum) args.insert(args.end() - 1, {"--strategy", "in-place"});
        const std::string first = lines_of(run_cli(args).out).front();
        args.insert(args.end() - 1, {"-w", "json"});
        const json size = json::parse(run_cli(args).out).at("size");
        const std::uint64_t before = size.at("file_before");
        const std::uint64_t after = size.at("file_after_vacuum");
        REQUIRE(after < before);
        CAPTURE(first);
        CHECK(first.starts_with("dry run: " + db + ": would "));
        CHECK(
            has(first, format_bytes(before - after) + " (" + report::percent(before - after, before) + ")"));
        CHECK(has(first, format_bytes(after)));
        CHECK(has(first, "--vacuum") == !vacuum);
    }
    const std::string done = lines_of(run_cli({"compact", "--vacuum", "--keep-last", "10", db}).out).front();
    CHECK(has(done, ", shrunk "));
    CHECK(has(done, ": freed "));
}

TEST_CASE("screen: what was free before is not counted as freed") {
    const TempDir folder;
    const std::string db = busy_store(folder);
    const auto freed = [&](const char* keep) {
        const std::string first =
            lines_of(
                run_cli({"compact", "-n", "--bytes", "--strategy", "in-place", "--keep-last", keep, db}).out)
                .front();
        const std::size_t at = first.find("would free ");
        CAPTURE(first);
        REQUIRE(at != std::string::npos);
        return std::stoull(first.substr(at + 11));
    };
    const std::uint64_t all = freed("10");
    const std::uint64_t most = freed("200");
    REQUIRE(run_cli({"compact", "-q", "--strategy", "in-place", "--keep-last", "200", db}).code == 0);
    CHECK(freed("10") <= all - most + 4096);
}

TEST_CASE("screen: where nothing is to be done one line says so, and offers nothing") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    REQUIRE(run_cli({"compact", "--rev", "7", "--vacuum", "-q", db}).code == 0);
    for (const std::vector<std::string>& how :
         std::vector<std::vector<std::string>>{{"compact", "--rev", "7"},
                                               {"compact", "--rev", "7", "-n"},
                                               {"compact", "--target-size", "1G", "-n"},
                                               {"compact", "--keep-last", "0", "--min-gain", "50%"},
                                               {"vacuum", "-n"},
                                               {"vacuum"}}) {
        std::vector<std::string> args = how;
        args.push_back(db);
        const Result r = run_cli(args);
        CAPTURE(r.out);
        CHECK(r.code == 0);
        CHECK(lines_of(r.out).size() == 1);
        CHECK(has(r.out, "othing"));
    }
}

TEST_CASE("screen: check says what it looked at and how long it took") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    const json report = json::parse(run_cli({"check", "-w", "json", db}).out);
    CHECK(report.at("checked").at("rows") == native_rows(db).size());
    CHECK(report.at("checked").at("pages") == std::filesystem::file_size(db) / 4096);
    CHECK(report.at("duration_ms").is_number_integer());
    const std::string text = run_cli({"check", db}).out;
    CHECK(has(text, "  checked " + std::to_string(std::filesystem::file_size(db) / 4096) + " pages, 9 rows"));
    CHECK(has(text, " s\n"));
}

TEST_CASE("screen: every command's help ends with three examples of its own options") {
    for (const cli::Command& c : cli::commands()) {
        const std::string name(c.name);
        CAPTURE(name);
        const std::vector<std::string> lines = lines_of(std::string(c.examples));
        CHECK(lines.size() == 3);
        for (const std::string& line : lines) {
            CAPTURE(line);
            CHECK(has(line, "kvctl " + name));
            CHECK(has(line, "  # "));
            std::istringstream words(line.substr(0, line.find("  # ")));
            bool of_a_form = false;
            for (std::string word; words >> word;) {
                if (word == "|" || word == ">") break;
                of_a_form = of_a_form || (name == "raft" && word == "compact");
                if (!word.starts_with("--") || word == "--help") continue;
                const cli::OptionTable table = of_a_form ? cli::raft_compact_options() : c.options();
                CHECK(cli::find_option(table, word.substr(2)) != nullptr);
            }
        }
        const Result help = run_cli({name, "--help"});
        CHECK(has(help.out, "\nExamples:\n"));
        for (const std::string& line : lines_of(help.out.substr(help.out.find("\nExamples:"))))
            CHECK(line.size() <= 80);
        CHECK(run_cli({"--help", name}).out == help.out);
    }
}

TEST_CASE("screen: etcdctl's habits are answered") {
    struct Row {
        std::vector<std::string> args;
        std::string answer;
    };
    for (const Row& row :
         std::vector<Row>{{{"compact", "5", "db"},
                           "did you mean --rev 5? A revision is an option here: kvctl compact --rev 5 db"},
                          {{"endpoint", "status", "db"}, "did you mean 'kvctl status STORE'"},
                          {{"endpoint", "status", "-w", "table"}, "did you mean 'kvctl status STORE'"},
                          {{"snapshot", "status", "db"}, "did you mean 'kvctl status STORE'"},
                          {{"snapshot", "restore", "db"}, "did you mean 'kvctl import STORE -o NEW'"},
                          {{"snapshot", "save", "db"}, "without a server"},
                          {{"member", "list"}, "did you mean 'kvctl status STORE'"},
                          {{"put", "k", "v"}, "never writes a key"},
                          {{"status", "-w", "table", "db"}, "etcdctl's 'table' is text here"},
                          {{"get", "k", "-w", "simple", "db"}, "etcdctl's 'simple' is text here"},
                          {{"get", "k", "-w", "fields", "db"}, "etcdctl's 'fields' is text here"},
                          {{"get", "--endpoints", "127.0.0.1:2379", "k"}, "works on files, without a server"},
                          {{"vacuum", "--data-dir", "/var/lib/etcd"}, "the last operand"}}) {
        CAPTURE(row.answer);
        const Result r = run_cli(row.args);
        CAPTURE(r.err);
        CHECK(r.code == 2);
        CHECK(has(r.err, row.answer));
    }
}

TEST_CASE("screen: what an old habit is told to type is a command that runs") {
    const TempDir folder;
    for (const std::vector<std::string>& habit :
         std::vector<std::vector<std::string>>{{"endpoint", "status"},
                                               {"endpoint", "hashkv"},
                                               {"endpoint", "health"},
                                               {"snapshot", "status"},
                                               {"snapshot", "restore"},
                                               {"snapshot", "hashkv"},
                                               {"member", "list"},
                                               {"alarm", "list"},
                                               {"alarm", "disarm"},
                                               {"check", "datascale"},
                                               {"hashkv"},
                                               {"watch"},
                                               {"bolt"},
                                               {"buckets"},
                                               {"dump"}}) {
        const std::string said = cli::habit_of_etcdctl(habit);
        CAPTURE(said);
        const std::size_t from = said.find("'kvctl ");
        REQUIRE(from != std::string::npos);
        std::istringstream words(said.substr(from + 7, said.find('\'', from + 1) - from - 7));
        std::vector<std::string> args;
        for (std::string word; words >> word;) args.push_back(word);
        // A store for all of them: an etcd db with one member.
        const std::string db = folder.file("db");
        write_file(db, etcd_image({}).build());
        for (std::string& arg : args) {
            if (arg == "STORE") arg = db;
            if (arg == "NEW") arg = folder.file("new");
        }
        const Result r = run_cli(args);
        CAPTURE(r.err);
        CHECK((r.code == 0 || r.code == 3));
    }
}

TEST_CASE("screen: a reader that has seen enough hears nothing of it") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(4000, 3000, 40).row_list());
    const Result r = run({.args = {"-c", "'" + std::string(kvctl_exe()) + "' index " + db + " | head -1"},
                          .program = "sh",
                          .folder = folder.path().string()});
    CHECK(r.code == 0);
    CHECK(lines_of(r.out).size() == 1);
    CHECK(r.err.empty());
}

TEST_CASE("screen: progress says how fast, and how long it will take") {
    using namespace std::chrono_literals;
    CHECK(cli::rate_text(100ms, 10, 90).empty());
    CHECK(cli::rate_text(2s, 0, 90).empty());
    CHECK(cli::rate_text(2s, 240'000, 0) == "  120,000 a second");
    CHECK(cli::rate_text(2s, 240'000, 1'200'000) == "  120,000 a second, 11 s left");
    CHECK(cli::rate_text(2s, 240'000, 120'000'000) == "  120,000 a second, 17 min left");
}

TEST_CASE("screen: a scan's progress counts rows, not the parts that it takes them in") {
    struct Seen final : Progress {
        void update(std::string_view, std::uint64_t d, std::uint64_t t) override { done = d, total = t; }
        std::uint64_t done = 0;
        std::uint64_t total = 0;
    };
    const TempDir folder;
    make_native(folder.file("s.db"), long_history(2500, 7).row_list());
    const auto store = store::open_store(folder.file("s.db"), {});
    Seen seen;
    Findings findings;
    const mvcc::TreeIndex index = store->load(mvcc::classic_rules(), findings, &seen);
    CHECK(seen.done == index.total().revisions);
    CHECK(seen.total == index.total().revisions);
}

TEST_CASE("screen: colours only where they are wanted") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    for (const char* command : {"status", "check", "du"}) {
        CAPTURE(std::string(command));
        CHECK(has(run_cli({command, "--color", "always", db}).out, "\x1b["));
        CHECK(!has(run_cli({command, db}).out, "\x1b["));
        CHECK(!has(run_at({command, "--color", "never", db}).out, "\x1b["));
    }
}
