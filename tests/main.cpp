#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>

#include "kvctl/sqlite/failure.hpp"
#include "tests/support/temp_dir.hpp"

// Runs the tests in a fresh folder, which stays when one fails.
int main(int argc, char** argv) {
    kvctl::sqlite::watch_memory();  // before a test uses SQLite by itself
    doctest::Context context(argc, argv);
    kvctl::test::TempDir folder;
    std::filesystem::current_path(folder.path());
    const int code = context.run();
    std::filesystem::current_path("/");
    if (code != 0) {
        folder.keep();
        std::cerr << "what the tests wrote is in " << folder.path().string() << '\n';
    }
    return code;
}
