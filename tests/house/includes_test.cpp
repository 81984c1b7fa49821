#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/places.hpp"
#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;

namespace {

struct Include {
    std::string file;  // relative to the source tree
    std::string header;
    bool quoted;
};

std::vector<Include> includes_of(const std::string& folder) {
    std::vector<Include> all;
    const fs::path root = kvctl::test::source_dir();
    const std::regex line(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])", std::regex::multiline);
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".cpp" && extension != ".hpp") continue;
        const std::string text = kvctl::test::read_file(entry.path());
        for (auto it = std::sregex_iterator(text.begin(), text.end(), line); it != std::sregex_iterator();
             ++it) {
            all.push_back({fs::relative(entry.path(), root).string(), (*it)[2], (*it)[1] == "\""});
        }
    }
    return all;
}

// "lib/kvctl/store/open.cpp" and "kvctl/store/kine/kine.hpp" are both of room "store".
std::string room_of(const std::string& path) {
    const std::regex room(R"(^(?:lib/)?kvctl/([^/]+)/)");
    std::smatch match;
    return std::regex_search(path, match, room) ? match[1].str() : "";
}

// Installed headers are those that the room's CMakeLists.txt lists.
bool is_installed(const std::string& file) {
    const fs::path path = fs::path(kvctl::test::source_dir()) / file;
    const std::string list = kvctl::test::read_file(path.parent_path() / "CMakeLists.txt");
    return list.find(path.filename().string()) != std::string::npos;
}

bool starts(const std::string& text, const std::string& part) {
    return text.starts_with(part);
}

}  // namespace

TEST_CASE("includes: a room of the library includes only the rooms below it") {
    const std::map<std::string, std::vector<std::string>> below{
        {"base", {}},
        {"mvcc", {"base"}},
        {"raft", {"base"}},
        {"kube", {"mvcc", "base"}},
        {"sqlite", {"base"}},
        {"dqlite", {"base"}},
        {"bbolt", {"base"}},
        {"store", {"mvcc", "sqlite", "bbolt", "dqlite", "base"}},
        {"raftlog", {"raft", "sqlite", "dqlite", "base"}},
        {"report", {"kube", "mvcc", "raft", "base"}},
        {"jobs", {"report", "store", "raftlog", "kube", "mvcc", "raft", "base"}},
    };
    const std::vector<Include> all = includes_of("lib");
    REQUIRE(all.size() > 50);
    for (const Include& i : all) {
        const std::string from = room_of(i.file);
        CAPTURE(i.file);
        CAPTURE(i.header);
        REQUIRE(below.contains(from));
        if (!i.quoted) {
            CHECK_FALSE(starts(i.header, "kvctl/"));
            continue;
        }
        const std::string to = room_of(i.header);
        const auto& allowed = below.at(from);
        CHECK_MESSAGE((to == from || std::find(allowed.begin(), allowed.end(), to) != allowed.end()),
                      i.file << " includes " << i.header);
    }
}

TEST_CASE("includes: third-party headers stay in their rooms") {
    std::vector<Include> all = includes_of("lib");
    for (const char* folder : {"tools", "tests"}) {
        const std::vector<Include> more = includes_of(folder);
        all.insert(all.end(), more.begin(), more.end());
    }
    for (const Include& i : all) {
        const bool header = i.file.ends_with(".hpp");
        CAPTURE(i.file);
        CAPTURE(i.header);
        if (starts(i.header, "boost/")) CHECK((starts(i.file, "tools/") && !header));
        if (starts(i.header, "nlohmann/") && !starts(i.file, "tests/")) {
            CHECK_FALSE((starts(i.file, "lib/kvctl/base/") || starts(i.file, "lib/kvctl/mvcc/")));
            // A header of ours may name the type, if it is not installed.
            if (header) CHECK((i.header == "nlohmann/json_fwd.hpp" && !is_installed(i.file)));
        }
        // One header names fmt's, and one source makes its library: those who embed kvctl need not have it.
        if (starts(i.header, "fmt/"))
            CHECK((starts(i.file, "lib/kvctl/base/format.") && !(header && is_installed(i.file))));
        if (starts(i.header, "doctest/")) CHECK(starts(i.file, "tests/"));
        if (i.header == "sqlite3.h") CHECK((starts(i.file, "lib/kvctl/sqlite/") || starts(i.file, "tests/")));
    }
}

TEST_CASE("includes: the pure rooms ask neither the clock, the environment nor a file") {
    for (const Include& i : includes_of("lib")) {
        const std::string room = room_of(i.file);
        if (room != "mvcc" && room != "raft" && room != "kube") continue;
        CAPTURE(i.file);
        for (const char* impure :
             {"chrono", "ctime", "fstream", "iostream", "cstdio", "filesystem", "unistd.h", "fcntl.h"}) {
            CHECK(i.header != std::string(impure));
        }
    }
}

TEST_CASE("includes: commands parse, call a job and print") {
    // What a command may name of the library beside jobs, reports and base: values that options are parsed
    // into.
    const std::vector<std::string> values{"kvctl/kube/times.hpp", "kvctl/mvcc/rules.hpp",
                                          "kvctl/store/open.hpp", "kvctl/store/store.hpp"};
    const auto holds = [](const std::vector<std::string>& all, const std::string& one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    for (const Include& i : includes_of("tools")) {
        const std::string room = room_of(i.header);
        if (room.empty() || room == "jobs" || room == "report" || room == "base") continue;
        CHECK_MESSAGE(holds(values, i.header), i.file << " includes " << i.header);
    }
}

TEST_CASE("includes: no store's type and no layout is named above the stores") {
    const std::regex type(
        R"(\b(Sqlite|Native|Kine|Bbolt|Dqlite)(Store|Writable)\b|store/(sqlite|native|kine|bbolt|dqlite)/)");
    const std::regex layout(R"(\bLayout::(?!layout_named))");
    for (const char* folder : {"lib", "tools"}) {
        for (const auto& entry :
             fs::recursive_directory_iterator(fs::path(kvctl::test::source_dir()) / folder)) {
            const std::string file = fs::relative(entry.path(), kvctl::test::source_dir()).string();
            const std::string room = room_of(file);
            if (!entry.is_regular_file() || room == "store" || file.ends_with("CMakeLists.txt")) continue;
            CAPTURE(file);
            const std::string text = kvctl::test::read_file(entry.path());
            CHECK_FALSE(std::regex_search(text, type));
            if (room != "raftlog") CHECK_FALSE(std::regex_search(text, layout));
            // cli.cpp asks what kind of stream it was given.
            CHECK((file == "tools/cli.cpp" || text.find("dynamic_cast") == std::string::npos));
        }
    }
}

TEST_CASE("tree: commands are below a sixth of what decides") {
    const auto lines = [](const char* folder) {
        std::size_t n = 0;
        for (const auto& entry :
             fs::recursive_directory_iterator(fs::path(kvctl::test::source_dir()) / folder)) {
            const std::string extension = entry.path().extension().string();
            if (extension != ".cpp" && extension != ".hpp") continue;
            const std::string text = kvctl::test::read_file(entry.path());
            n += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
        }
        return n;
    };
    const std::size_t tools = lines("tools");
    CHECK(tools * 6 < tools + lines("lib"));
}

TEST_CASE("includes: nothing below tools knows what a dry run is") {
    const std::regex word(R"(\bdry|dry[_-]run)", std::regex::icase);
    const std::regex literal(R"("(?:[^"\\\n]|\\.)*")");  // advice may name a command as a whole
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(kvctl::test::source_dir()) / "lib")) {
        const std::string extension = entry.path().extension().string();
        if ((extension != ".cpp" && extension != ".hpp") ||
            room_of(fs::relative(entry.path(), kvctl::test::source_dir()).string()) == "report")
            continue;
        CAPTURE(entry.path().string());
        const std::string text = std::regex_replace(kvctl::test::read_file(entry.path()), literal, "");
        CHECK_FALSE(std::regex_search(text, word));
    }
}
