#include "tools/completion.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/run_binary.hpp"
#include "tools/commands.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

using Words = std::set<std::string>;

Words split(const std::string& text) {
    std::istringstream in(text);
    Words words;
    for (std::string word; in >> word;) words.insert(word);
    return words;
}

// What bash offers when the last of `words` is being completed.
Words bash_offers(const std::vector<std::string>& words, const std::string& folder = {}) {
    const TempDir scripts;
    write_file(scripts.file("kvctl"), cli::bash_completion());
    std::string line = "set -eu; source " + scripts.file("kvctl") + "; COMP_WORDS=(";
    for (const std::string& w : words) line += "'" + w + "' ";
    line +=
        "); COMP_CWORD=" + std::to_string(words.size() - 1) + "; _kvctl; printf '%s\\n' \"${COMPREPLY[@]}\"";
    const Result r = run({.args = {"-c", line}, .program = "bash", .folder = folder});
    CHECK(r.err == "");
    CHECK(r.code == 0);
    return split(r.out);
}

Words names_in(const cli::OptionTable& table, bool letters) {
    Words names;
    for (const cli::OptionGroup& group : table) {
        for (const cli::Option& o : group.options) {
            names.insert("--" + std::string(o.name));
            if (letters && o.letter != 0) names.insert(std::string("-") + o.letter);
        }
    }
    return names;
}

bool installed(const std::string& shell) {
    if (run({.args = {"-c", "command -v " + shell}, .program = "sh"}).code == 0) return true;
    MESSAGE("skipped: " << shell << " is not installed");
    return false;
}

}  // namespace

TEST_CASE("completion: bash offers every command, and exactly the options of each") {
    Words commands{"--help", "--version"};
    for (const cli::Command& c : cli::commands()) {
        commands.insert(std::string(c.name));
        if (!c.alias.empty()) commands.insert(std::string(c.alias));
        CAPTURE(std::string(c.name));
        CHECK(bash_offers({"kvctl", std::string(c.name), "-"}) == names_in(c.options(), true));
    }
    CHECK(bash_offers({"kvctl", ""}) == commands);
    CHECK(bash_offers({"kvctl", "comple"}) == Words{"completion"});
    CHECK(bash_offers({"kvctl", "bogus", "-"}) == Words{});
}

TEST_CASE("completion: bash offers the words of a choice, however it is written") {
    CHECK(bash_offers({"kvctl", "version", "--write-out", ""}) == Words{"text", "json", "jsonl"});
    CHECK(bash_offers({"kvctl", "version", "-w", "j"}) == Words{"json", "jsonl"});
    CHECK(bash_offers({"kvctl", "version", "--write-out", "="}) == Words{"text", "json", "jsonl"});
    CHECK(bash_offers({"kvctl", "version", "--write-out", "=", "t"}) == Words{"text"});
    CHECK(bash_offers({"kvctl", "get", "--order", ""}) == Words{"ASCEND", "DESCEND"});
    CHECK(bash_offers({"kvctl", "get", "--sort-by", "V"}) == Words{"VALUE", "VERSION"});
    CHECK(bash_offers({"kvctl", "raft", "--request", "del"}) == Words{"delete_range"});
    CHECK(bash_offers({"kvctl", "raft", "--entry-type", "EntryN"}) == Words{"EntryNormal"});
    CHECK(bash_offers({"kvctl", "diff", "--ignore", "l"}) == Words{"lease"});
    CHECK(bash_offers({"kvctl", "completion", ""}) == Words{"bash", "zsh", "fish"});
    CHECK(bash_offers({"kvctl", "help", "ver"}) == Words{"version"});
}

TEST_CASE("completion: bash offers files as operands") {
    const TempDir folder;
    write_file(folder.file("state.db"), "");
    write_file(folder.file("other"), "");
    CHECK(bash_offers({"kvctl", "version", "st"}, folder.path().string()) == Words{"state.db"});
}

TEST_CASE("completion: fish is told every command, option and letter") {
    const std::string script = cli::fish_completion();
    for (const cli::Command& c : cli::commands()) {
        CAPTURE(std::string(c.name));
        CHECK(script.find("-n __fish_use_subcommand -a " + std::string(c.name) + " -d ") !=
              std::string::npos);
        Words names;
        const std::regex line("__kvctl_command " + std::string(c.name) + "[ ';]" +
                              R"([^\n]* -l ([a-z-]+)(?: -s (.))?)");
        for (auto it = std::sregex_iterator(script.begin(), script.end(), line); it != std::sregex_iterator();
             ++it) {
            names.insert("--" + (*it)[1].str());
            if ((*it)[2].matched) names.insert("-" + (*it)[2].str());
        }
        CHECK(names == names_in(c.options(), true));
    }
}

TEST_CASE("completion: zsh is told every command and option") {
    const std::string script = cli::zsh_completion();
    for (const cli::Command& c : cli::commands()) {
        const std::string name(c.name);
        CAPTURE(name);
        CHECK(script.find("        '" + name + ":") != std::string::npos);
        const std::size_t from = script.find("    " + name + (c.alias.empty() ? ")" : "|"));
        REQUIRE(from != std::string::npos);
        std::string part = script.substr(from, script.find(";;", from) - from);
        // A form of the command comes before its own options, and ends with a return.
        if (const std::size_t form = part.find("return\n"); form != std::string::npos) part.erase(0, form);
        Words names;
        const std::regex item(R"((?:'|,)(--[a-z-]+)[=[{\}])");
        for (auto it = std::sregex_iterator(part.begin(), part.end(), item); it != std::sregex_iterator();
             ++it)
            names.insert((*it)[1]);
        CHECK(names == names_in(c.options(), false));
    }
}

TEST_CASE("completion: a form of a command has options of its own, and its word stands beside files") {
    const TempDir folder;
    write_file(folder.file("commit.log"), "");
    const std::string here = folder.path().string();
    REQUIRE(cli::forms().size() == 1);
    const Words own = names_in(cli::raft_compact_options(), true);
    CHECK(own.contains("--index"));
    CHECK_FALSE(own.contains("--request"));
    const Words all = names_in(cli::raft_options(), true);
    for (const std::string& name : own) CHECK(all.contains(name));
    CHECK(bash_offers({"kvctl", "raft", "com"}, here) == Words{"compact", "commit.log"});
    CHECK(bash_offers({"kvctl", "raft", "compact", "com"}, here) == Words{"commit.log"});
    CHECK(bash_offers({"kvctl", "raft", "compact", "-"}, here) == own);
    CHECK(bash_offers({"kvctl", "raft", "--json", "compact", "x", "--in"}, here) == Words{"--index"});
    CHECK(bash_offers({"kvctl", "raft", "compact", "-o", ""}, here) == Words{"commit.log"});
    // The command of that name keeps its own.
    CHECK(bash_offers({"kvctl", "compact", "--rev"}, here) == Words{"--rev"});
    CHECK(bash_offers({"kvctl", "compact", "compact", "--rev"}, here) == Words{"--rev"});
}

TEST_CASE("completion: fish offers what it was told") {
    if (!installed("fish")) return;
    const TempDir folder;
    write_file(folder.file("kvctl.fish"), cli::fish_completion());
    write_file(folder.file("commit.log"), "");
    const auto offers = [&](const std::string& line) {
        const Result r = run({.args = {"--no-config", "-c", "source kvctl.fish; complete -C '" + line + "'"},
                              .program = "fish",
                              .environment = {{"HOME", folder.path().string()}},
                              .folder = folder.path().string()});
        CHECK(r.code == 0);
        Words words;
        std::istringstream in(r.out);
        for (std::string l; std::getline(in, l);) words.insert(l.substr(0, l.find('\t')));
        return words;
    };
    CHECK(offers("kvctl raft com") == Words{"compact", "commit.log"});
    CHECK(offers("kvctl raft compact com") == Words{"commit.log"});
    CHECK(offers("kvctl raft compact x --") == names_in(cli::raft_compact_options(), false));
    CHECK(offers("kvctl compact --") == names_in(cli::compact_options(), false));
    CHECK(offers("kvctl get --order ").contains("commit.log") == false);
    CHECK(offers("kvctl completion ") == Words{"bash", "zsh", "fish"});
}

TEST_CASE("completion: the shells themselves read their scripts") {
    const TempDir folder;
    write_file(folder.file("script"), cli::zsh_completion());
    if (installed("zsh")) CHECK(run({.args = {"-n", folder.file("script")}, .program = "zsh"}).code == 0);
    write_file(folder.file("script"), cli::fish_completion());
    if (installed("fish")) CHECK(run({.args = {"-n", folder.file("script")}, .program = "fish"}).code == 0);
}

TEST_CASE("completion: a shell must be named, and be one we know") {
    CHECK(run_cli({"completion", "bash"}).out == cli::bash_completion());
    CHECK(run_cli({"completion", "zsh"}).out == cli::zsh_completion());
    CHECK(run_cli({"completion", "fish"}).out == cli::fish_completion());
    CHECK(run_cli({"completion"}).code == 2);
    CHECK(run_cli({"completion", "tcsh"}).code == 2);
    CHECK(run_cli({"completion", "bash", "zsh"}).code == 2);
}
