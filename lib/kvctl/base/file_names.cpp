#include "kvctl/base/file_names.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

#include "kvctl/base/format.hpp"

namespace kvctl {
namespace {

bool is_file(const std::string& path, const struct stat& file) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0 && st.st_ino == file.st_ino && st.st_dev == file.st_dev;
}

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

struct Mount {
    std::string root;  // of the file system, what is mounted
    std::string point;
};

// Lines read "36 35 98:0 /dir/in/fs /mount/point rw,noatime ...".
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
        if (number == wanted) mounts.push_back({unescaped(root), unescaped(point)});
    }
    return mounts;
}

void add_links(const std::string& path, const struct stat& file, std::vector<std::string>& found) {
    struct CloseDir {
        void operator()(DIR* d) const noexcept { ::closedir(d); }
    };
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "./" : path.substr(0, slash + 1);
    const std::unique_ptr<DIR, CloseDir> dir(::opendir(folder.c_str()));
    while (const dirent* const entry = dir ? ::readdir(dir.get()) : nullptr) {
        std::string name = folder + entry->d_name;
        if (entry->d_ino == file.st_ino && name != path && is_file(name, file))
            found.push_back(std::move(name));
    }
}

// What a mount of the file alone is a mount of, as far as its folder is to be seen as well.
void add_source(const std::string& root, const std::string& path, const std::vector<Mount>& mounts,
                const struct stat& file, std::vector<std::string>& found) {
    for (const Mount& m : mounts) {
        const std::string folder = m.root == "/" ? "" : m.root;
        if (!root.starts_with(folder + "/")) continue;
        std::string name = (m.point == "/" ? "" : m.point) + root.substr(folder.size());
        if (name != path && is_file(name, file)) found.push_back(std::move(name));
    }
}

}  // namespace

OtherNames other_names(const std::string& path) {
    OtherNames names;
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return names;
    std::vector<std::string> mounted;
    std::vector<std::string>& found = names.found;
    const std::vector<Mount> mounts = mounts_of(st.st_dev);
    for (const Mount& m : mounts) {
        if (!is_file(m.point, st)) continue;
        if (m.point == path) {
            names.mounted = true;
            add_source(m.root, path, mounts, st, found);
        } else {
            mounted.push_back(m.point);
        }
    }
    if (st.st_nlink > 1) add_links(path, st, found);
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    std::erase_if(found, [&](const std::string& name) {
        return std::find(mounted.begin(), mounted.end(), name) != mounted.end();
    });
    const std::size_t links = st.st_nlink - (names.mounted ? 0 : 1);
    names.all_found = found.size() >= links;
    found.insert(found.end(), mounted.begin(), mounted.end());
    names.any = names.mounted || links > 0 || !mounted.empty();
    return names;
}

bool has_other_names(const std::string& path) {
    return other_names(path).any;
}

}  // namespace kvctl
