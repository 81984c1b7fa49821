#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "tests/support/run_binary.hpp"

using namespace kvctl::test;

TEST_CASE("binary: exit codes and streams of the built program") {
    CHECK(run_binary({}).code == 2);
    const Result version = run_binary({"version"});
    CHECK(version.code == 0);
    CHECK(version.err.empty());
    CHECK(version.out.starts_with("kvctl "));
    const Result bad = run_binary({"bogus"});
    CHECK(bad.code == 2);
    CHECK(bad.out.empty());
}

TEST_CASE("binary: a full stdout is exit 7, in either format") {
    const Result text = run({.args = {"version"}, .out_path = "/dev/full"});
    CHECK(text.code == 7);
    CHECK(text.err == "kvctl: standard output cannot be written: No space left on device\n");
    const Result json = run({.args = {"version", "--json"}, .out_path = "/dev/full"});
    CHECK(json.code == 7);
    CHECK(json.err ==
          "{\"error\":{\"code\":7,\"kind\":\"io\",\"message\":\"standard output cannot be written: No space "
          "left on device\"}}\n");
    CHECK(run({.args = {"version", "-q"}, .out_path = "/dev/full"}).code == 0);
}

TEST_CASE("binary: a pipe whose reader left is exit 7, not a signal") {
    const TempDir folder;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ::close(ends[0]);
    const Result r = run({.args = {"version"}, .out_path = "/proc/self/fd/" + std::to_string(ends[1])});
    ::close(ends[1]);
    CHECK(r.code == 7);
    CHECK(r.err == "kvctl: standard output cannot be written: Broken pipe\n");
}

TEST_CASE("binary: closed standard streams are not handed to the next file opened") {
    CHECK(run({.args = {"version"}, .closed = {1}}).code == 7);
    CHECK(run({.args = {"version", "-q"}, .closed = {0, 1, 2}}).code == 0);
    CHECK(run({.args = {"bogus"}, .closed = {2}}).code == 2);
}
