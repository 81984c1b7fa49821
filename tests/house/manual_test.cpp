#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "tests/support/places.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/temp_dir.hpp"
#include "tools/commands.hpp"
#include "tools/shared_options.hpp"

namespace fs = std::filesystem;
using namespace kvctl;

namespace {

using Names = std::set<std::string>;

// "--name" of every option of the table.
Names long_options(const cli::OptionTable& table) {
    Names names;
    for (const cli::OptionGroup& group : table) {
        for (const cli::Option& o : group.options) names.insert("--" + std::string(o.name));
    }
    return names;
}

// "--name" wherever --help has it in its first column.
Names options_in_help(const std::string& help) {
    Names names;
    const std::regex line(R"(^  (?:-[a-z], |    )(--[a-z-]+))", std::regex::multiline);
    for (auto it = std::sregex_iterator(help.begin(), help.end(), line); it != std::sregex_iterator(); ++it)
        names.insert((*it)[1]);
    return names;
}

// "--name" of every list item of a page: ".It Fl n , Fl -dry-run" and ".It Fl -rev Ar N".
Names options_in_page(const std::string& page) {
    Names names;
    const std::regex item(R"(^\.It (?:Fl [a-z] , )?Fl -([a-z-]+))", std::regex::multiline);
    for (auto it = std::sregex_iterator(page.begin(), page.end(), item); it != std::sregex_iterator(); ++it) {
        names.insert("--" + (*it)[1].str());
    }
    return names;
}

fs::path page_of(std::string_view command) {
    return fs::path(kvctl::test::source_dir()) / "man" / ("kvctl-" + std::string(command) + ".1");
}

}  // namespace

TEST_CASE("manual: kvctl(1) describes the options that commands share, and only those") {
    const Names page = options_in_page(test::read_file(fs::path(kvctl::test::source_dir()) / "man/kvctl.1"));
    CHECK(page ==
          long_options(cli::join({cli::output_options(), cli::store_options(), cli::rules_options()})));
}

TEST_CASE("manual: kvctl(1) lists every command") {
    const std::string page = test::read_file(fs::path(kvctl::test::source_dir()) / "man/kvctl.1");
    for (const cli::Command& c : cli::commands()) {
        CAPTURE(std::string(c.name));
        CHECK(page.find("\n.It Cm " + std::string(c.name) + "\n") != std::string::npos);
    }
}

TEST_CASE("manual: --help, completion and the man page of a command name the same options") {
    const Names shared =
        long_options(cli::join({cli::output_options(), cli::store_options(), cli::rules_options()}));
    for (const cli::Command& c : cli::commands()) {
        const std::string name(c.name);
        CAPTURE(name);
        const Names table = long_options(c.options());
        CHECK(options_in_help(test::run_cli({name, "--help"}).out) == table);
        CHECK_MESSAGE(fs::exists(page_of(name)), "man/kvctl-" << name << ".1 is missing");
        if (!fs::exists(page_of(name))) continue;
        // Shared options are in kvctl(1); the page may say more about one, and describes all the others.
        const Names page = options_in_page(test::read_file(page_of(name)));
        for (const std::string& option : table) {
            CAPTURE(option);
            CHECK((page.contains(option) || shared.contains(option)));
        }
        for (const std::string& option : page) {
            CAPTURE(option);
            CHECK(table.contains(option));
        }
    }
}

TEST_CASE("manual: the code of every finding stands in a page") {
    const fs::path source = kvctl::test::source_dir();
    std::string pages;
    for (const fs::directory_entry& page : fs::directory_iterator(source / "man"))
        pages += test::read_file(page.path());
    const std::regex code(R"re(Severity::\w+,\s*"([a-z0-9.-]+)")re");
    Names codes;
    for (const fs::directory_entry& file : fs::recursive_directory_iterator(source / "lib")) {
        if (file.path().extension() != ".cpp") continue;
        const std::string text = test::read_file(file.path());
        for (auto it = std::sregex_iterator(text.begin(), text.end(), code); it != std::sregex_iterator();
             ++it)
            codes.insert((*it)[1]);
    }
    CHECK(codes.size() > 100);
    for (const std::string& name : codes) {
        CAPTURE(name);
        CHECK(std::regex_search(pages, std::regex("[ \n]" + name + "[ \n]")));
    }
}
