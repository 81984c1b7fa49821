#pragma once
#include <string>
#include <vector>

namespace kvctl {

/// The names of a file beside the one it is known by.
struct OtherNames {
    bool any = false;      ///< hard links, or one of the names is a mount of this file alone
    bool mounted = false;  ///< the name it is known by is such a mount
    bool all_found = true;
    std::vector<std::string> found;  ///< those in the same folder, and mounts of the file
};

/// Looks without opening the file. `path` has no symbolic link in it. Other folders are not searched.
[[nodiscard]] OtherNames other_names(const std::string& path);

/// Whether `path` is a file with more names than this one.
[[nodiscard]] bool has_other_names(const std::string& path);

}  // namespace kvctl
