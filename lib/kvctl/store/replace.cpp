#include "kvctl/store/replace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/openers.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/sqlite/holders.hpp"

namespace kvctl::store {
namespace {

struct stat stat_of(int fd, const std::string& path) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) throw io_error(path, "cannot look at it", errno);
    return st;
}

}  // namespace

Replacement::Replacement(OldFile old, FileRules rules)
    : old_(std::move(old)), rules_(std::move(rules)), before_(look()), file_(old_.real_path) {}

Replacement::Look Replacement::look() const {
    const struct stat st = stat_of(old_.descriptor, old_.path);
    Look look{st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec, {}};
    look.header.resize(rules_.header.size);
    const ssize_t n = read_at(old_.descriptor, look.header.data(), look.header.size(),
                              static_cast<off_t>(rules_.header.at));
    if (n < 0) throw io_error(old_.path, "cannot read its header", errno);
    look.header.resize(static_cast<std::size_t>(n));
    return look;
}

void Replacement::commit() {
    file_.take_identity_of(old_.real_path);
    file_.sync();
    check_interrupt();
    give_way_to_change();
    lock_new_file();
    // Empty ones, which the lock's holder made. A file system that loses this but keeps the rename would find
    // them beside the new file.
    remove_side_files();
    sync_folder(folder_of(old_.real_path));
    give_way_to_openers();
    file_.publish_over(old_.real_path);
    remove_side_files();
    spoil_old_file();
    remove_side_files();
}

void Replacement::give_way_to_change() const {
    struct stat named {};
    const bool same_name = ::stat(old_.real_path.c_str(), &named) == 0 && named.st_dev == before_.device &&
                           named.st_ino == before_.inode;
    if (same_name && look() == before_) return;
    throw Error(ErrorKind::in_use, old_.path +
                                       ": another process changed it while it was copied; it is as that "
                                       "process left it");
}

// As late as can be. Who opens the file behind this look has to wait for the lock, and finds what
// spoil_old_file() leaves.
void Replacement::give_way_to_openers() const {
    const struct stat st = stat_of(old_.descriptor, old_.path);
    std::vector<pid_t> pids = find_openers(st);
    if (pids.empty()) pids = find_lockers(st, true);
    if (pids.empty()) return;
    throw Error(
        ErrorKind::in_use,
        fmt::format("{0}: {1} {2} it open and would go on with a file without a name: the new one was "
                    "thrown away; stop {3} first",
                    old_.path, describe_processes(pids), pids.size() > 1 ? "have" : "has",
                    pids.size() > 1 ? "them" : "it"));
}

// Of flock a TempFile has it from its beginning.
void Replacement::lock_new_file() const {
    if (rules_.lock == FileLock::flock) return;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = sqlite::k_lock_bytes;
    lock.l_len = sqlite::k_lock_length;
    if (::fcntl(file_.descriptor(), F_SETLK, &lock) != 0)
        throw io_error(file_.path(), "cannot lock the new file", errno);
}

// Both files are locked: what stands here under the store's name was not made for the new file.
void Replacement::remove_side_files() const {
    bool removed = false;
    for (const std::string& suffix : rules_.side_files) {
        const std::string name = old_.real_path + suffix;
        if (::unlink(name.c_str()) == 0) {
            removed = true;
        } else if (errno != ENOENT) {
            throw io_error(name, "belongs to the old file and cannot be removed", errno);
        }
    }
    // Whoever made it may have synced its name.
    if (removed && file_.published()) sync_folder(folder_of(old_.real_path));
}

void Replacement::spoil_old_file() const {
    if (stat_of(old_.descriptor, old_.path).st_nlink > 0) return;
    constexpr std::string_view k_text = "replaced, kvctl ";
    const FileRules::Stretch& header = rules_.header;
    std::string bytes;
    while (bytes.size() < header.size) bytes += k_text.substr(0, header.size - bytes.size());
    if (const int error = write_all(old_.descriptor, bytes, header.at); error != 0)
        throw io_error(old_.path,
                       "is replaced, but the old file, which somebody may have open, cannot be written",
                       error);
}

}  // namespace kvctl::store
