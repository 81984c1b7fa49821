#include "kvctl/store/locate.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/bbolt/format.hpp"
#include "kvctl/store/archive.hpp"
#include "kvctl/store/layout_case.hpp"

namespace kvctl::store {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

bool is_file(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

bool may_be_read(const std::string& folder) {
    return ::faccessat(AT_FDCWD, folder.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
}

// What cannot be read is no candidate: the message then names the folder.
std::vector<std::string> entries_of(const std::string& folder) {
    std::vector<std::string> all;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder, unreadable)) all.push_back(entry.path().string());
    if (unreadable) throw io_error(folder, "cannot read the folder", unreadable.value());
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace

std::string locate_store(const std::string& path) {
    if (!is_folder(path) || is_store_folder(path)) return path;
    const std::string folder = path + (path.ends_with('/') ? "" : "/");
    for (const char* const db : {"member/snap/db", "snap/db"}) {
        if (is_file(folder + db)) return folder + db;
    }
    // member/snap may hold what a leader sent beside it, as <raft index>.snap.db.
    if (is_file(folder + "db") && bbolt::looks_like_bbolt(read_start(folder + "db", k_store_start)))
        return folder + "db";
    std::vector<std::string> stores;
    std::vector<std::string> archives;
    for (const std::string& entry : entries_of(path)) {
        if (is_file(entry + "/member/snap/db")) stores.push_back(entry + "/member/snap/db");
        if (is_folder(entry) && may_be_read(entry) && is_store_folder(entry)) stores.push_back(entry);
        if (!is_file(entry)) continue;
        if (looks_like_store(read_start(entry, k_store_start))) {
            stores.push_back(entry);
        } else if (is_archive(entry)) {
            archives.push_back(entry);
        }
    }
    const std::vector<std::string>& found = stores.empty() ? archives : stores;
    if (found.size() == 1) return found.front();
    if (found.empty()) {
        throw Error(ErrorKind::not_a_store,
                    path +
                        ": is a directory, but no etcd data dir (it has no member/snap/db), and no store "
                        "lies in it");
    }
    std::string list;
    for (const std::string& name : found)
        list += (list.empty() ? "" : ", ") + escape(std::string_view(name).substr(folder.size()));
    throw usage_error(fmt::format("{}: is a folder with several stores, name one of them: {}", path, list));
}

}  // namespace kvctl::store
