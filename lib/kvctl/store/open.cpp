#include "kvctl/store/open.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/store/archive.hpp"
#include "kvctl/store/layout_case.hpp"
#include "kvctl/store/locate.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {

std::string resolve_path(const std::string& path) {
    std::array<char, PATH_MAX> real{};
    if (::realpath(locate_store(path).c_str(), real.data()) == nullptr) {
        const int error = errno;
        struct stat st {};
        // A pipe has no name, and what is behind /dev/stdin is one.
        if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
            throw Error(ErrorKind::not_a_store,
                        path + ": not a regular file: save what comes into one first");
        throw io_error(path, "cannot open", error);
    }
    return real.data();
}

namespace {

// --member and --raft-index choose from what a layout has several of; a member of an archive is chosen
// before.
void check_choices(const std::string& path, const LayoutCase& there, const OpenOptions& options) {
    if (there.has_states) return;
    if (options.member)
        throw usage_error(path + ": --member: only an archive and a dqlite directory hold several stores");
    if (options.raft_index)
        throw usage_error(path + ": --raft-index: only a dqlite directory has states to choose from");
}

const LayoutCase& writable_case(const std::string& path, const OpenOptions& options) {
    const std::string file = resolve_path(path);
    if (is_archive(file)) {
        throw usage_error(path +
                          ": an archive is only read; -o NEW writes what becomes of it into a new file");
    }
    const LayoutCase& there = layout_case(path, file, options);
    if (there.open_writable == nullptr) there.refuse(path);
    check_choices(path, there, options);
    return there;
}

}  // namespace

std::unique_ptr<Store> open_store(const std::string& path, const OpenOptions& options) {
    std::string file = resolve_path(path);
    std::shared_ptr<const Unpacked> unpacked;
    OpenOptions inside = options;
    if (is_archive(file)) {
        unpacked = std::make_shared<const Unpacked>(file, options.member);
        file = unpacked->path();
        inside.member.reset();
    }
    const LayoutCase& there = layout_case(path, file, inside);
    check_choices(path, there, inside);
    std::unique_ptr<Store> store = there.open(path, file, inside);
    if (unpacked) store->keep(std::move(unpacked));
    return store;
}

void refuse_read_only(const std::string& path, const OpenOptions& options) {
    (void)writable_case(path, options);
}

std::unique_ptr<WritableStore> open_writable(const std::string& path, const OpenOptions& options) {
    return writable_case(path, options).open_writable(path, options);
}

void refuse_live(const std::string& path) {
    throw usage_error(path + ": --live: only a kine store is compacted beside its server");
}

std::unique_ptr<LiveStore> open_live(const std::string& path, const OpenOptions& options, int timeout_ms) {
    const LayoutCase& there = writable_case(path, options);
    if (there.open_live == nullptr) refuse_live(path);
    return there.open_live(path, options, timeout_ms);
}

Salvage salvage_of(const std::string& path, const std::string& file, const OpenOptions& options) {
    const LayoutCase& there = layout_case(path, file, options);
    check_choices(path, there, options);
    Salvage ways = there.salvage;
    if (ways.into_target == nullptr && ways.into_copy == nullptr)
        throw usage_error(
            fmt::format("{}: --salvage: {} gives nothing that a sound one does not", path, there.what));
    if (there.layouts.size() == 1) ways.kind = there.layouts.front().name();
    return ways;
}

}  // namespace kvctl::store
