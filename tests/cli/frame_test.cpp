#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "kvctl/base/error.hpp"
#include "tests/support/data.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/temp_dir.hpp"
#include "tools/commands.hpp"
#include "tools/error_report.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

// Takes nothing.
class FullBuffer : public std::streambuf {};

}  // namespace

TEST_CASE("frame: no command is usage on stderr, exit 2") {
    const Result r = run_cli({});
    CHECK(r.code == 2);
    CHECK(r.out.empty());
    CHECK(has(r.err, "Usage: kvctl COMMAND"));
}

TEST_CASE("frame: --help, -h and --version work everywhere and exit 0") {
    for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
             {"--help"}, {"-h"}, {"--help", "bogus"}, {"help"}, {"bogus", "--help"}}) {
        const Result r = run_cli(args);
        CHECK(r.code == 0);
        CHECK(r.err.empty());
        CHECK(has(r.out, "Usage: kvctl COMMAND"));
    }
    CHECK(has(run_cli({"--version"}).out, "kvctl "));
    CHECK(run_cli({"bogus", "--version"}).code == 0);
    for (const cli::Command& c : cli::commands()) {
        CAPTURE(std::string(c.name));
        const std::string name(c.name);
        for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
                 {name, "--help"}, {name, "-h"}, {name, "--no-such-option", "-h"}, {"help", name}}) {
            const Result r = run_cli(args);
            CHECK(r.code == 0);
            CHECK(r.err.empty());
            CHECK(r.out.starts_with("Usage: kvctl " + name));
            CHECK(has(r.out, "--help"));
        }
        CHECK(run_cli({name, "--version"}).code == 0);
        CHECK(has(run_cli({name, "--version"}).out, "kvctl "));
        if (!c.alias.empty())
            CHECK(run_cli({std::string(c.alias), "--help"}).out == run_cli({name, "--help"}).out);
    }
}

TEST_CASE("frame: every command refuses unknown, repeated and abbreviated options with exit 2") {
    for (const cli::Command& c : cli::commands()) {
        CAPTURE(std::string(c.name));
        const std::string name(c.name);
        CHECK(run_cli({name, "--no-such-option"}).code == 2);
        const bool quiet = cli::find_option(c.options(), "quiet") != nullptr;
        if (!quiet) continue;
        const Result twice = run_cli({name, "--quiet", "-q", "x"});
        CHECK(twice.code == 2);
        CHECK(has(twice.err, "given twice"));
        const Result shortened = run_cli({name, "--quie", "x"});
        CHECK(shortened.code == 2);
        CHECK(has(shortened.err, "did you mean --quiet?"));
    }
}

TEST_CASE("frame: command names are unique, and aliases too") {
    std::vector<std::string_view> names;
    for (const cli::Command& c : cli::commands()) {
        names.push_back(c.name);
        if (!c.alias.empty()) names.push_back(c.alias);
        CHECK_FALSE(c.summary.ends_with('.'));
    }
    for (const std::string_view name : names) CHECK(std::count(names.begin(), names.end(), name) == 1);
}

TEST_CASE("frame: a refusal for damage ends with commands for just that file, as a shell takes them") {
    const TempDir folder;
    const std::string sound = folder.file("sound.db");
    make_native(sound, long_history(200, 3).row_list());
    const std::string path = folder.file("it's cut.db");
    const std::string bytes = read_file(sound);
    write_file(path, bytes.substr(0, bytes.size() / 2));
    const std::string quoted = "'" + folder.file("it'\\''s cut.db") + "'";
    for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
             {"status", path}, {"du", "--top", "1", path}, {"diff", sound, path}, {"diff", path, sound}}) {
        CAPTURE(args.front());
        const Result r = run_cli(args);
        CHECK(r.code == 6);
        CHECK_MESSAGE(has(r.err, "; \"kvctl check " + quoted + "\" tells what is wrong with it"), r.err);
        CHECK_MESSAGE(has(r.err, "; \"kvctl import --salvage -o NEW " + quoted + "\" takes what"), r.err);
    }
}

TEST_CASE("frame: help fits a terminal of 80 columns") {
    std::vector<std::vector<std::string>> all{{"--help"}, {"raft", "compact", "--help"}};
    for (const cli::Command& c : cli::commands()) all.push_back({std::string(c.name), "--help"});
    for (const std::vector<std::string>& args : all) {
        std::istringstream lines(run_cli(args).out);
        for (std::string line; std::getline(lines, line);)
            CHECK_MESSAGE(line.size() <= 80, args.front() << ": " << line);
    }
}

TEST_CASE("frame: an unknown command is exit 2, with the nearest name") {
    const Result r = run_cli({"versoin"});
    CHECK(r.code == 2);
    CHECK(r.out.empty());
    CHECK(r.err == "kvctl: unknown command 'versoin'; did you mean 'version'?\nTry 'kvctl --help'.\n");
    CHECK(has(run_cli({"\x1B[2J"}).err, "'\\x1b[2J'"));
    CHECK(has(run_cli({"-q", "version"}).err, "the command comes first"));
    CHECK(run_cli({"-q", "version"}).code == 2);
    CHECK(run_cli({""}).code == 2);
}

TEST_CASE("frame: under a JSON format an error is one object on stderr") {
    for (const std::vector<std::string>& args :
         std::vector<std::vector<std::string>>{{"version", "x", "--json"},
                                               {"version", "-w", "json", "x"},
                                               {"version", "x", "-wjsonl"},
                                               {"version", "x", "--write-out=json"},
                                               {"version", "x", "--write-out", "jsonl"},
                                               {"version", "x", "-qvwjson"}}) {
        const Result r = run_cli(args);
        CHECK(r.code == 2);
        CHECK(r.out.empty());
        CHECK(r.err ==
              "{\"error\":{\"code\":2,\"kind\":\"usage\",\"message\":\"superfluous operand 'x'; expected "
              "none\"}}\n");
    }
    CHECK(run_cli({"version", "x", "-w", "text"}).err.starts_with("kvctl: "));
    CHECK(run_cli({"version", "x", "--", "--json"}).err.starts_with("kvctl: "));
}

TEST_CASE("frame: an error message that is not UTF-8 still is JSON") {
    CHECK(cli::error_json(7, ErrorKind::io, "a\xFF\n\"b") ==
          "{\"error\":{\"code\":7,\"kind\":\"io\",\"message\":\"a\xEF\xBF\xBD\\n\\\"b\"}}");
}

TEST_CASE("frame: a report that cannot be written is exit 7, whatever the command returned") {
    FullBuffer full;
    std::ostream out(&full);
    std::ostringstream err;
    cli::Io io{out, err};
    CHECK(cli::run({"version"}, io) == 7);
    CHECK(err.str() == "kvctl: standard output cannot be written\n");
}

TEST_CASE("frame: an error keeps its own code when stdout is gone as well, and is alone on stderr") {
    FullBuffer full;
    std::ostream out(&full);
    std::ostringstream err;
    cli::Io io{out, err};
    CHECK(cli::run({"version", "x", "--json"}, io) == 2);
    CHECK(err.str().find('\n') == err.str().size() - 1);
}

TEST_CASE("version: text and JSON name the libraries") {
    const Result text = run_cli({"version"});
    CHECK(has(text.out, "kvctl "));
    CHECK(has(text.out, "\nsqlite 3."));
    CHECK(has(text.out, "\nboost 1."));
    CHECK_FALSE(has(text.out, "compiler"));
    CHECK(has(run_cli({"version", "-v"}).out, "\ncompiler "));
    CHECK(
        run_cli({"version", "-w", "jsonl"}).out.starts_with("{\"schema\":\"kvctl.version/1\",\"kvctl\":\""));
    CHECK(run_cli({"version", "-q"}).out.empty());
}

TEST_CASE("frame: a pipe is no store, and a folder that is not there takes no file") {
    const TempDir folder;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const std::string pipe = "/dev/fd/" + std::to_string(ends[0]);
    const Result r = run_cli({"status", pipe});
    CHECK(r.code == 6);
    CHECK_MESSAGE(has(r.err, pipe + ": not a regular file"), r.err);
    ::close(ends[0]);
    ::close(ends[1]);
    const Result nowhere = run_cli(
        {"compact", "--keep-last", "5", "-o", folder.file("none/new"), testdata("stores/k3s-sample.db")});
    CHECK(nowhere.code == 7);
    CHECK_MESSAGE(has(nowhere.err, folder.file("none") + ": cannot write there"), nowhere.err);
}
