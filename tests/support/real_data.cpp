#include "support/real_data.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace kvctl::tests {

std::vector<RealData> real_data() {
    const char* set = std::getenv("KVCTL_SHARED");
    const std::filesystem::path shared = set != nullptr ? set : KVCTL_SHARED_DIR;
    std::vector<RealData> all;
    for (const std::string name : {"etcd-3.4-small", "etcd-3.4-segments"}) {
        const auto archive = shared / "realdata" / (name + ".tar.gz");
        if (!std::filesystem::exists(archive)) {
            MESSAGE("skipped: no recorded data dir " << name);
            continue;
        }
        RealData data;
        data.name = name;
        data.folder = std::make_unique<TempFile>("");
        const std::string command = "tar xzf '" + archive.string() + "' -C '" + data.folder->folder() + "'";
        REQUIRE(std::system(command.c_str()) == 0);
        data.data_dir = data.folder->folder() + "/" + name;
        data.db = data.data_dir + "/member/snap/db";
        std::ifstream in(shared / "realdata" / (name + ".expected.json"));
        data.expected = nlohmann::json::parse(in);
        all.push_back(std::move(data));
    }
    return all;
}

}  // namespace kvctl::tests
