#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/places.hpp"
#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;

namespace {

// Files of the folders that make up the project, relative to the source tree.
std::vector<fs::path> sources(const std::vector<std::string>& folders) {
    std::vector<fs::path> all;
    for (const std::string& folder : folders) {
        for (const auto& entry :
             fs::recursive_directory_iterator(fs::path(kvctl::test::source_dir()) / folder)) {
            if (entry.is_regular_file()) all.push_back(fs::relative(entry.path(), kvctl::test::source_dir()));
        }
    }
    return all;
}

}  // namespace

TEST_CASE("tree: the visible top level holds the fixed names and nothing else") {
    const std::vector<std::string> allowed{"CMakeLists.txt", "README.md", "findings", "lib", "man",
                                           "testdata",       "tests",     "tools"};
    for (const auto& entry : fs::directory_iterator(kvctl::test::source_dir())) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.') || name.starts_with("build")) continue;  // git ignores build folders
        CAPTURE(name);
        CHECK(std::find(allowed.begin(), allowed.end(), name) != allowed.end());
    }
}

TEST_CASE("tree: every test file is in the build") {
    for (const fs::path& path : sources({"tests"})) {
        if (!path.string().ends_with("_test.cpp")) continue;
        const fs::path list = fs::path(kvctl::test::source_dir()) / path.parent_path() / "CMakeLists.txt";
        CAPTURE(path.string());
        REQUIRE(fs::exists(list));
        CHECK(kvctl::test::read_file(list).find(path.filename().string()) != std::string::npos);
    }
}

TEST_CASE("tree: every header says #pragma once, and no header opens a namespace to its readers") {
    for (const fs::path& path : sources({"lib", "tools", "tests"})) {
        if (path.extension() != ".hpp") continue;
        const std::string text = kvctl::test::read_file(fs::path(kvctl::test::source_dir()) / path);
        CAPTURE(path.string());
        CHECK(text.starts_with("#pragma once\n"));
        CHECK(text.find("using namespace") == std::string::npos);
    }
}
