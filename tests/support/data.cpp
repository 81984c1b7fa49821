#include "tests/support/data.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/places.hpp"

namespace kvctl::test {

namespace fs = std::filesystem;

std::string testdata(std::string_view name) {
    return (fs::path(source_dir()) / "testdata" / name).string();
}

std::optional<std::string> shared(std::string_view name) {
    const char* given = std::getenv("KVCTL_SHARED");
    const fs::path path = (given != nullptr ? fs::path(given) : fs::path(source_dir()) / "../shared") / name;
    if (fs::exists(path)) return path.string();
    MESSAGE("skipped: no recorded data at " << path.string());
    return std::nullopt;
}

}  // namespace kvctl::test
