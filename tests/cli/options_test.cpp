#include "tools/options.hpp"

#include <doctest/doctest.h>

#include "tests/support/check_error.hpp"
#include "tools/suggest.hpp"

using namespace kvctl;
using namespace kvctl::cli;
using test::check_error;

namespace {

OptionTable table() {
    return {
        {"Some",
         {word("rev", "N", "a revision"), flag("dry-run", "change nothing", 'n'),
          optional_file("list", "FILE", "list")}},
        {"More",
         {file("output", "FILE", "write there", 'o'), choice("write-out", "text|json|jsonl", "format", 'w'),
          flag("quiet", "say nothing", 'q'), flag("help", "help", 'h')}}};
}

Parsed parsed(const Args& args) {
    return parse(table(), args);
}

}  // namespace

TEST_CASE("parse: options and operands in any order") {
    const Parsed p = parsed({"--rev", "7", "one", "-n", "--write-out=json", "two"});
    CHECK(p.value("rev") == "7");
    CHECK(p.has("dry-run"));
    CHECK_FALSE(p.value("dry-run"));
    CHECK(p.value("write-out") == "json");
    CHECK_FALSE(p.has("quiet"));
    CHECK(p.value_or("output", "none") == "none");
    CHECK(p.operands() == Args{"one", "two"});
}

TEST_CASE("parse: short options, alone, together and with their value attached") {
    const Parsed p = parsed({"-nqwjson", "-o", "out.db", "db"});
    CHECK(p.has("dry-run"));
    CHECK(p.has("quiet"));
    CHECK(p.value("write-out") == "json");
    CHECK(p.value("output") == "out.db");
    CHECK(p.operands() == Args{"db"});
}

TEST_CASE("parse: an optional value is only taken with an equals sign") {
    const Parsed without = parsed({"--list", "db"});
    CHECK(without.has("list"));
    CHECK_FALSE(without.value("list"));
    CHECK(without.operands() == Args{"db"});
    const Parsed with = parsed({"--list=removed.txt", "db"});
    CHECK(with.value("list") == "removed.txt");
    CHECK(with.operands() == Args{"db"});
    const Parsed before_option = parsed({"--list", "-n"});
    CHECK(before_option.has("list"));
    CHECK(before_option.has("dry-run"));
}

TEST_CASE("parse: operands that look like something else") {
    CHECK(parsed({"--", "-n", "--rev", "--"}).operands() == Args{"-n", "--rev", "--"});
    CHECK(parsed({"", "-"}).operands() == Args{"", "-"});
    CHECK(parsed({"a b", "\xFF=", "@file"}).operands() == Args{"a b", "\xFF=", "@file"});
    CHECK(parsed({"-n", "--", "-n"}).operands() == Args{"-n"});
}

TEST_CASE("parse: values that look like options reach the option") {
    CHECK(parsed({"--rev=-1"}).value("rev") == "-1");
    CHECK(parsed({"--rev", "-1"}).value("rev") == "-1");
    CHECK(parsed({"--output=a=b"}).value("output") == "a=b");
}

TEST_CASE("parse: usage errors") {
    struct Row {
        Args args;
        std::string part;
    };
    for (const Row& row : {
             Row{{"--re", "7"}, "unknown option '--re'; did you mean --rev?"},
             Row{{"--dry"}, "unknown option '--dry'; did you mean --dry-run?"},
             Row{{"--dryrun"}, "did you mean --dry-run?"},
             Row{{"--bogus-thing"}, "unknown option '--bogus-thing'"},
             Row{{"--REV=1"}, "unknown option '--REV'"},
             Row{{"-x"}, "unknown option '-x'"},
             Row{{"-nx"}, "unknown option '-nx'"},
             Row{{"--rev", "1", "--rev", "1"}, "option --rev is given twice"},
             Row{{"-n", "--dry-run"}, "option --dry-run is given twice"},
             Row{{"-nn"}, "option --dry-run is given twice"},
             Row{{"--list", "--list=a"}, "option --list is given twice"},
             Row{{"--rev"}, "option --rev needs a value"},
             Row{{"--rev", "--dry-run"}, "option --rev needs a value"},
             Row{{"--rev="}, "option --rev has an empty value"},
             Row{{"--rev", "-n"}, "option --rev needs a value"},
             Row{{"--output", "--list=x"}, "option --output needs a value"},
             Row{{"--list="}, "option --list has an empty value"},
             Row{{"--output", ""}, "option --output needs a file name"},
             Row{{"--dry-run=yes"}, "option --dry-run takes no value"},
             Row{{"-w", "yaml"}, "--write-out: 'yaml' is not one of text, json, jsonl"},
             Row{{"-w", "\x1B[2J"}, "'\\x1b[2J' is not one of"},
         }) {
        check_error(ErrorKind::usage, row.part, [&] { (void)parsed(row.args); });
    }
}

TEST_CASE("operands: too few and too many are named") {
    check_error(ErrorKind::usage, "expected KEY [END] STORE",
                [] { parsed({"k"}).expect_operands(2, 3, "KEY [END] STORE"); });
    check_error(ErrorKind::usage, "superfluous operand 'd'", [] {
        parsed({"a", "b", "c", "d"}).expect_operands(2, 3, "KEY [END] STORE");
    });
    CHECK_NOTHROW(parsed({"a", "b", "c"}).expect_operands(2, 3, "KEY [END] STORE"));
}

TEST_CASE("at_most_one_of: any two of three exclude each other") {
    const auto check = [](const Args& args) { parsed(args).at_most_one_of({"rev", "quiet", "output"}); };
    CHECK_NOTHROW(check({"--rev", "1", "-n"}));
    check_error(ErrorKind::usage, "--rev and --quiet exclude each other", [&] {
        check({"--rev", "1", "-q"});
    });
    check_error(ErrorKind::usage, "--quiet and --output exclude each other", [&] {
        check({"-o", "f", "-q"});
    });
}

TEST_CASE("parsed: asking for an option no table has is our own mistake") {
    check_error(ErrorKind::internal, "--verbose", [] { (void)parsed({}).has("verbose"); });
    CHECK_FALSE(parsed({}).offers("verbose"));
}

TEST_CASE("asks_for: help is found before parsing, but not behind -- and not in a value") {
    CHECK(asks_for(table(), {"--rev", "--help"}, "help", 'h'));
    CHECK(asks_for(table(), {"--bogus", "-nh"}, "help", 'h'));
    CHECK_FALSE(asks_for(table(), {"-ohelp", "-wh"}, "help", 'h'));
    CHECK_FALSE(asks_for(table(), {"--", "--help"}, "help", 'h'));
    CHECK_FALSE(asks_for(table(), {"h", "help", "--help-me", "-"}, "help", 'h'));
}

TEST_CASE("describe: every option with its letter, value and help, no line over 80 columns") {
    const std::string text = describe(table());
    CHECK(text.find("  -n, --dry-run               change nothing\n") != std::string::npos);
    CHECK(text.find("      --rev N                 a revision\n") != std::string::npos);
    CHECK(text.find("      --list[=FILE]           list\n") != std::string::npos);
    CHECK(text.find("\nMore:\n") != std::string::npos);
    const std::string help =
        "words enough to fill more than one line of a terminal that is eighty columns wide";
    const std::string wrapped = describe({{"Long", {flag("long", help)}}});
    for (std::size_t from = 0; from < wrapped.size(); from = wrapped.find('\n', from) + 1) {
        CHECK(wrapped.find('\n', from) - from <= 80);
    }
}

TEST_CASE("nearest: a beginning first, then few edits, then nothing") {
    const std::vector<std::string_view> names{"compact", "status", "completion", "check", "du"};
    CHECK(nearest("comp", names) == "compact");
    CHECK(nearest("complet", names) == "completion");
    CHECK(nearest("statsu", names) == "status");
    CHECK(nearest("chekc", names) == "check");
    CHECK_FALSE(nearest("frobnicate", names));
    CHECK_FALSE(nearest("", names));
    CHECK_FALSE(nearest(std::string(100000, 'c'), names));
}
