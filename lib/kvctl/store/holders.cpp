#include "kvctl/store/holders.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::store {

std::vector<Holder> holders_of(const std::string& path) {
    const std::string real_path = resolve_path(path);
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
    const sqlite::Holders holders = sqlite::find_holders(real_path, true);
    std::vector<pid_t> pids = holders.locking;
    for (const pid_t pid : holders.open) {
        if (std::find(pids.begin(), pids.end(), pid) == pids.end()) pids.push_back(pid);
    }
    std::vector<Holder> all;
    for (const pid_t pid : pids) {
        std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
        Holder holder{pid, {}};
        std::getline(comm, holder.command);
        all.push_back(std::move(holder));
    }
    return all;
}

}  // namespace kvctl::store
