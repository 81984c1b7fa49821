#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace kvctl {

/// A place at which a file system, or a part of it, is to be seen.
struct Mount {
    std::string root;  ///< what of the file system is mounted: a folder, or a file
    std::string point;
    std::string type;  ///< as the file system calls itself
};

/// Those of a device that this process sees; empty where the system tells nothing.
[[nodiscard]] std::vector<Mount> mounts_of(dev_t device);

}  // namespace kvctl
