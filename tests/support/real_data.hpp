#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/bbolt_image.hpp"

namespace kvctl::tests {

/// A data dir of a real etcd server, unpacked for one test, with what etcd's own tools say of it.
struct RealData {
    std::string name;
    std::unique_ptr<TempFile> folder;
    std::string data_dir;
    std::string db;
    nlohmann::json expected;
};

/// Both recorded data dirs; none, with a message, where the shared folder is absent (environment variable
/// KVCTL_SHARED, or `../shared` beside the source tree).
[[nodiscard]] std::vector<RealData> real_data();

}  // namespace kvctl::tests
