#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/temp_dir.hpp"

namespace kvctl::test {

/// A data dir of a real etcd server, unpacked for one test, with what etcd's own tools say of it.
struct RealData {
    std::string name;
    std::unique_ptr<TempDir> folder;
    std::string data_dir;
    std::string db;
    nlohmann::json expected;
};

/// Both recorded data dirs; fewer, with a message, where they are not there.
[[nodiscard]] std::vector<RealData> real_data();

}  // namespace kvctl::test
