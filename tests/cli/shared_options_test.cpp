#include "tools/shared_options.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <sstream>

#include "tests/support/check_error.hpp"

using namespace kvctl;
using namespace kvctl::cli;
using test::check_error;

namespace {

struct Streams {
    std::ostringstream out;
    std::ostringstream err;
    Io on_terminal{out, err, true, true};
    Io elsewhere{out, err, false, false};
};

Parsed with(const Args& args) {
    return parse(join({output_options(), store_options(), rules_options()}), args);
}

// Sets an environment variable for as long as it lives.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) {
        const char* old = ::getenv(name);
        if (old != nullptr) old_ = old;
        if (value != nullptr) {
            ::setenv(name, value, 1);
        } else {
            ::unsetenv(name);
        }
    }
    ~Variable() {
        if (old_) {
            ::setenv(name_, old_->c_str(), 1);
        } else {
            ::unsetenv(name_);
        }
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
    std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("output: --json is -w json, and contradicts any other") {
    Streams s;
    CHECK(output_of(with({}), s.elsewhere).format == Format::text);
    CHECK(output_of(with({"--json"}), s.elsewhere).format == Format::json);
    CHECK(output_of(with({"--json", "-w", "json"}), s.elsewhere).format == Format::json);
    CHECK(output_of(with({"-w", "jsonl"}), s.elsewhere).format == Format::jsonl);
    check_error(ErrorKind::usage, "exclude each other", [&] {
        (void)output_of(with({"--json", "-w", "jsonl"}), s.elsewhere);
    });
    check_error(ErrorKind::usage, "exclude each other", [&] {
        (void)output_of(with({"--json", "-w", "text"}), s.elsewhere);
    });
}

TEST_CASE("output: colour on a terminal, unless the user or the environment says otherwise") {
    Streams s;
    const Variable term("TERM", "xterm");
    {
        const Variable unset("NO_COLOR", nullptr);
        CHECK(output_of(with({}), s.on_terminal).color);
        CHECK_FALSE(output_of(with({}), s.elsewhere).color);
        CHECK(output_of(with({"--color", "always"}), s.elsewhere).color);
        CHECK_FALSE(output_of(with({"--color", "never"}), s.on_terminal).color);
        CHECK_FALSE(output_of(with({"--color", "always", "--json"}), s.on_terminal).color);
        const Variable dumb("TERM", "dumb");
        CHECK_FALSE(output_of(with({}), s.on_terminal).color);
    }
    const Variable set("NO_COLOR", "1");
    CHECK_FALSE(output_of(with({}), s.on_terminal).color);
    CHECK(output_of(with({"--color", "always"}), s.on_terminal).color);
}

TEST_CASE("output: progress on a terminal, never with JSON or -q") {
    Streams s;
    CHECK(make_progress(output_of(with({}), s.on_terminal), s.on_terminal) != nullptr);
    CHECK(make_progress(output_of(with({}), s.elsewhere), s.elsewhere) == nullptr);
    CHECK(make_progress(output_of(with({"--progress", "never"}), s.on_terminal), s.on_terminal) == nullptr);
    CHECK(make_progress(output_of(with({"--json", "--progress", "always"}), s.on_terminal), s.on_terminal) ==
          nullptr);
    CHECK(make_progress(output_of(with({"-q", "--progress", "always"}), s.on_terminal), s.on_terminal) ==
          nullptr);
    const Output forced = output_of(with({"--progress", "always"}), s.elsewhere);
    CHECK(forced.progress_lines);
    CHECK(make_progress(forced, s.elsewhere) != nullptr);
}

TEST_CASE("store: layout and timeout, with their defaults") {
    using namespace std::chrono_literals;
    CHECK_FALSE(layout_of(with({})));
    CHECK_FALSE(layout_of(with({"--layout", "auto"})));
    CHECK(layout_of(with({"--layout", "native"})) == store::Layout::native);
    CHECK(layout_of(with({"--layout", "kine"})) == store::Layout::kine);
    CHECK(layout_of(with({"--layout", "bbolt"})) == store::Layout::bbolt);
    check_error(ErrorKind::usage, "not one of", [] { (void)with({"--layout", "etcd"}); });
    CHECK(timeout_of(with({})) == 10s);
    CHECK(timeout_of(with({"--timeout", "250ms"})) == 250ms);
}

TEST_CASE("rules: by name or by release, not both") {
    CHECK_FALSE(rules_of(with({})));
    CHECK(rules_of(with({"--tombstones", "classic"})) == mvcc::classic_rules());
    CHECK(rules_of(with({"--tombstones", "keep-at-rev"})) == mvcc::keep_at_rev_rules());
    CHECK(rules_of(with({"--etcd-version", "3.4.23"})) == mvcc::classic_rules());
    CHECK(rules_of(with({"--etcd-version", "3.6.0"})) == mvcc::keep_at_rev_rules());
    check_error(ErrorKind::usage, "exclude each other", [] {
        (void)rules_of(with({"--tombstones", "classic", "--etcd-version", "3.5.0"}));
    });
    check_error(ErrorKind::usage, "kine", [] { (void)with({"--tombstones", "kine"}); });
    check_error(ErrorKind::usage, "not an etcd version", [] {
        (void)rules_of(with({"--etcd-version", "new"}));
    });
}
