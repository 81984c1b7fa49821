#include "kvctl/base/mounts.hpp"

#include <sys/sysmacros.h>

#include <fstream>
#include <sstream>
#include <string_view>

#include "kvctl/base/format.hpp"

namespace kvctl {
namespace {

// Blanks and the like stand there in octal: "\040".
std::string unescaped(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 3 >= text.size()) {
            plain += text[i];
            continue;
        }
        plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
        i += 3;
    }
    return plain;
}

}  // namespace

// Lines read "36 35 98:0 /dir/in/fs /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw".
std::vector<Mount> mounts_of(dev_t device) {
    std::vector<Mount> mounts;
    std::ifstream file("/proc/self/mountinfo");
    const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string number;
        std::string root;
        std::string point;
        words >> number >> number >> number >> root >> point;
        const std::size_t behind = line.find(" - ");
        if (number != wanted || behind == std::string::npos) continue;
        const std::size_t type = behind + 3;
        mounts.push_back({unescaped(root), unescaped(point), line.substr(type, line.find(' ', type) - type)});
    }
    return mounts;
}

}  // namespace kvctl
