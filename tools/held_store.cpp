#include "tools/held_store.hpp"

#include <sys/stat.h>

#include "kvctl/base/error.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/writable.hpp"

namespace kvctl::cli {

Surroundings look_around(const std::string& path) {
    Surroundings s;
    const std::string real_path = store::resolve_path(path);
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return s;
    s.several_names = st.st_nlink > 1;
    s.holders = sqlite::find_holders(real_path, true);
    return s;
}

std::string why_in_place(bool several_names, bool held_open) {
    if (several_names) return "the file has more than one name: compacted in place";
    if (held_open) return "another process has the file open: compacted in place";
    return {};
}

std::string why_in_place(const Surroundings& around, const store::StoreInfo& info) {
    return why_in_place(around.several_names, !info.wal_mode && !around.holders.open.empty());
}

report::Refusal held_refusal(const store::StoreInfo& info, const sqlite::Holders& holders,
                             report::Refusal otherwise) {
    // A rollback-journal lock lasts as long as a transaction: the writer waits for it.
    // An etcd server has its db locked as long as it lives.
    if ((!info.wal_mode && info.layout != store::Layout::bbolt) || !holders.any()) return otherwise;
    report::Refusal r;
    r.reason = store::in_use_by(info.path, holders.pids());
    r.kind = kind_name(ErrorKind::in_use);
    for (const pid_t pid : holders.pids()) {
        r.pids.push_back(pid);
        r.stop.push_back(sqlite::how_to_stop(pid));
    }
    if (r.stop.empty())
        r.stop.emplace_back("# stop what has the store open: 'kvctl status' as root names it");
    r.then = std::move(otherwise.reason);
    r.ways = std::move(otherwise.ways);
    return r;
}

}  // namespace kvctl::cli
