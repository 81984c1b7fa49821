#include "kvctl/store/holders.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kvctl/base/file_names.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/openers.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/name_doubt.hpp"

namespace kvctl::store {

namespace {

void add_new(std::vector<pid_t>& pids, const std::vector<pid_t>& more) {
    for (const pid_t pid : more) {
        if (std::find(pids.begin(), pids.end(), pid) == pids.end()) pids.push_back(pid);
    }
}

}  // namespace

std::vector<int> segment_writers(const std::string& directory) {
    std::vector<pid_t> pids;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(directory, gone)) {
        struct stat st {};
        if (entry.path().filename().string().starts_with("open-") && ::stat(entry.path().c_str(), &st) == 0)
            add_new(pids, find_open_writers(st));
    }
    return pids;
}

std::vector<int> nodes_on(const std::string& directory) {
    std::vector<pid_t> pids;
    struct stat st {};
    if (::stat((directory + "/dqlite-lock").c_str(), &st) == 0) add_new(pids, find_openers(st));
    add_new(pids, segment_writers(directory));
    return pids;
}

std::vector<Holder> holders_of(const std::string& path) {
    const std::string real_path = resolve_path(path);
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0) return {};
    std::vector<pid_t> pids;
    if (S_ISREG(st.st_mode)) {
        const sqlite::Holders holders = sqlite::find_holders(real_path, true);
        pids = holders.locking;
        add_new(pids, holders.open);
    } else {
        pids = nodes_on(real_path);
    }
    std::vector<Holder> all;
    for (const pid_t pid : pids) {
        std::ifstream comm(fmt::format("/proc/{}/comm", pid));
        Holder holder{pid, {}};
        std::getline(comm, holder.command);
        all.push_back(std::move(holder));
    }
    return all;
}

Surroundings look_around(const std::string& path) {
    Surroundings s;
    const std::string real_path = resolve_path(path);
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0) return s;
    if (S_ISDIR(st.st_mode)) {
        s.nodes = true;
        s.pids = s.excluding = nodes_on(real_path);
        s.held = s.held_open = !s.pids.empty();
        return s;
    }
    if (!S_ISREG(st.st_mode)) return s;
    s.several_names = has_other_names(real_path);
    const sqlite::Holders holders = sqlite::find_holders(real_path, true);
    s.held_open = !holders.open.empty();
    s.held = holders.any();
    if (holders.locked) s.open_as = open_by_another_name(real_path);
    s.pids.assign(holders.pids().begin(), holders.pids().end());
    s.excluding = find_exclusive_lockers(st);
    return s;
}

std::string why_in_place(bool several_names, bool held_open) {
    if (several_names) return "the file has more than one name: compacted in place";
    if (held_open) return "another process has the file open: compacted in place";
    return {};
}

std::string why_in_place(const Surroundings& around, const StoreInfo& info) {
    return why_in_place(around.several_names, !info.wal_mode && around.held_open);
}

std::string in_use_by(const std::string& path, const std::vector<int>& pids, bool locked_for_life) {
    return fmt::format(
        "{}: in use by {}: stop it first ({})", path, sqlite::describe(pids),
        locked_for_life ? "an etcd server keeps its db locked" : "a k3s or kine server keeps its store open");
}

std::string node_runs_on(const std::string& directory, const std::vector<int>& pids) {
    return fmt::format("{}: a dqlite node runs on it: {}; stop it first (snap stop microk8s)", directory,
                       sqlite::describe(pids));
}

std::string how_to_stop(int pid) {
    return sqlite::how_to_stop(pid);
}

}  // namespace kvctl::store
