#include "kvctl/base/file_names.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "kvctl/base/mounts.hpp"

namespace kvctl {
namespace {

bool is_file(const std::string& path, const struct stat& file) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0 && st.st_ino == file.st_ino && st.st_dev == file.st_dev;
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
