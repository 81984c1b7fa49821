#include "kvctl/store/one_moment.hpp"

#include <sys/stat.h>

#include "kvctl/base/error.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {
namespace {

std::int64_t ns_of(const timespec& t) noexcept {
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

}  // namespace

Fingerprint fingerprint(const std::string& path) {
    Fingerprint f;
    struct stat st {};
    if (::stat(path.c_str(), &st) == 0) {
        f.inode = st.st_ino;
        f.size = st.st_size;
        f.modified_ns = ns_of(st.st_mtim);
    }
    if (::stat((path + "-wal").c_str(), &st) == 0) {
        f.wal_size = st.st_size;
        f.wal_modified_ns = ns_of(st.st_mtim);
    }
    return f;
}

void copy_one_moment(const Store& store, const std::function<void()>& copy) {
    try {
        copy();
    } catch (const Error& e) {
        const bool by_content = e.kind() == ErrorKind::busy || e.kind() == ErrorKind::damaged ||
                                e.kind() == ErrorKind::not_a_store;
        if (by_content && store.changed()) throw_changed(store.info().path);
        throw;
    }
    if (!store.reads_snapshot() && store.changed()) throw_changed(store.info().path);
}

void throw_changed(const std::string& path) {
    throw Error(ErrorKind::in_use,
                path + ": another process changed it while it was copied; no copy was kept: stop it first");
}

}  // namespace kvctl::store
