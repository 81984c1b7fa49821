#include "tests/support/real_data.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/support/data.hpp"

namespace kvctl::test {

std::vector<RealData> real_data() {
    std::vector<RealData> all;
    for (const std::string name : {"etcd-3.4-small", "etcd-3.4-segments"}) {
        const auto archive = shared("realdata/" + name + ".tar.gz");
        const auto expected = shared("realdata/" + name + ".expected.json");
        if (!archive || !expected) continue;
        RealData data;
        data.name = name;
        data.folder = std::make_unique<TempDir>();
        const std::string folder = data.folder->path().string();
        const std::string command = "tar xzf '" + *archive + "' -C '" + folder + "'";
        REQUIRE(std::system(command.c_str()) == 0);
        data.data_dir = folder + "/" + name;
        data.db = data.data_dir + "/member/snap/db";
        data.expected = nlohmann::json::parse(read_file(*expected));
        all.push_back(std::move(data));
    }
    return all;
}

}  // namespace kvctl::test
