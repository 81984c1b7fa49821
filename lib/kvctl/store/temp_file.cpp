#include "kvctl/store/temp_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/helper_thread.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::store {
namespace {

struct CloseDir {
    void operator()(DIR* d) const noexcept { ::closedir(d); }
};

std::string name_of_file(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string prefix_beside(const std::string& path) {
    return "." + name_of_file(path) + ".kvctl-";
}

// Removes a folder that holds files alone.
void remove_folder(const std::string& path) noexcept {
    const std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
    while (const dirent* const entry = dir ? ::readdir(dir.get()) : nullptr) {
        if (std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..")
            ::unlinkat(::dirfd(dir.get()), entry->d_name, 0);
    }
    ::rmdir(path.c_str());
}

std::string random_name() {
    std::array<unsigned char, 12> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw Error(ErrorKind::internal, "no random bytes from the system");
    }
    constexpr std::string_view k_letters = "abcdefghijklmnopqrstuvwxyz234567";
    std::string name;
    for (const unsigned char b : bytes) name += k_letters[b & 31];
    return name;
}

// Extended attributes (access lists, security labels) as far as this process may set them.
void copy_attributes(const std::string& from, int to) {
    const ssize_t size = ::listxattr(from.c_str(), nullptr, 0);
    if (size <= 0) return;
    std::vector<char> names(static_cast<std::size_t>(size));
    const ssize_t got = ::listxattr(from.c_str(), names.data(), names.size());
    for (ssize_t i = 0; i < got;) {
        const char* const name = names.data() + i;
        std::vector<char> value(65536);
        const ssize_t n = ::getxattr(from.c_str(), name, value.data(), value.size());
        if (n >= 0) (void)::fsetxattr(to, name, value.data(), static_cast<std::size_t>(n), 0);
        i += static_cast<ssize_t>(std::strlen(name)) + 1;
    }
}

struct stat stat_of(const SourceFile& file) {
    struct stat st {};
    if (::fstat(file.descriptor(), &st) != 0) throw io_error(file.path(), "cannot look at it", errno);
    return st;
}

}  // namespace

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_folder(const std::string& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) throw io_error(folder, "cannot open the folder", errno);
    const int rc = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    // Some file systems cannot sync a folder and say EINVAL.
    if (rc != 0 && error != EINVAL) throw io_error(folder, "cannot sync the folder", error);
}

namespace {

// What is wrong with the folder is said of the file that was to be in it.
Error cannot_create(const std::string& wanted, const std::string& made, int error) {
    if (error == ENOENT || error == ENOTDIR)
        return io_error(wanted, fmt::format("cannot be made in {}", folder_of(wanted)), error);
    return io_error(made, "cannot create", error);
}

}  // namespace

std::uint64_t free_bytes(const std::string& folder) {
    struct statvfs st {};
    if (::statvfs(folder.c_str(), &st) != 0) throw io_error(folder, "cannot write there", errno);
    return static_cast<std::uint64_t>(st.f_bavail) * st.f_frsize;
}

SourceFile::SourceFile(const std::string& path, Access access)
    : path_(path), fd_(::open(path.c_str(), (access == Access::write ? O_RDWR : O_RDONLY) | O_CLOEXEC)) {
    if (fd_ < 0) throw io_error(path, "cannot open", errno);
}

SourceFile::~SourceFile() {
    if (fd_ >= 0) ::close(fd_);
}

void refuse_existing(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0)
        throw Error(ErrorKind::refused, path + ": exists already and is never overwritten");
}

void expect_new(const std::string& path) {
    TempFile::remove_abandoned(path);
    refuse_existing(path);
}

void copy_to_new_file(const SourceFile& from, const std::string& to) {
    expect_new(to);
    TempFile file(to);
    const struct stat before = stat_of(from);
    std::vector<char> buffer(std::size_t{1} << 20);
    for (off_t at = 0;;) {
        check_interrupt();
        const ssize_t n = ::pread(from.descriptor(), buffer.data(), buffer.size(), at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw io_error(from.path(), "cannot read", errno);
        if (n == 0) break;
        at += n;
        for (ssize_t done = 0; done < n;) {
            const ssize_t w =
                ::write(file.descriptor(), buffer.data() + done, static_cast<std::size_t>(n - done));
            if (w > 0) done += w;
            if (w == 0 || (w < 0 && errno != EINTR))
                throw io_error(to, "cannot write the copy", w < 0 ? errno : ENOSPC);
        }
    }
    file.sync();
    const struct stat after = stat_of(from);
    if (before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
        before.st_mtim.tv_nsec != after.st_mtim.tv_nsec) {
        throw Error(ErrorKind::in_use,
                    from.path() + ": another process changed it while it was copied; no copy was kept");
    }
    file.publish_as_new(to);
}

TempFile::TempFile(const std::string& beside) {
    const std::string stem = folder_of(beside) + "/" + prefix_beside(beside);
    for (int attempt = 0; fd_ < 0; ++attempt) {
        path_ = stem + random_name();
        path_.reserve(path_.size() + 16);  // remove() needs no memory
        fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd_ < 0 && (errno != EEXIST || attempt > 10)) throw cannot_create(beside, path_, errno);
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        remove();
        throw io_error(path_, "cannot lock", error);
    }
}

TempFile::~TempFile() {
    remove();
}

void TempFile::forget_name(bool remove_file) noexcept {
    const std::size_t n = path_.size();
    if (n > 0 && remove_file) ::unlink(path_.c_str());
    for (const char* const suffix : {"-journal", "-wal", "-shm"}) {
        if (n == 0) break;
        path_.resize(n);
        path_ += suffix;
        ::unlink(path_.c_str());
    }
    path_.clear();
}

void TempFile::remove() noexcept {
    forget_name(true);
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

TempFolder::TempFolder(const std::string& beside) {
    const std::string stem = folder_of(beside) + "/" + prefix_beside(beside);
    for (int attempt = 0;; ++attempt) {
        path_ = stem + random_name();
        if (::mkdir(path_.c_str(), 0700) == 0) break;
        if (errno != EEXIST || attempt > 10) throw cannot_create(beside, path_, errno);
    }
    fd_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0 || ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        if (fd_ >= 0) ::close(fd_);
        remove_folder(path_);
        throw io_error(path_, "cannot lock", error);
    }
}

TempFolder::~TempFolder() {
    if (!path_.empty()) remove_folder(path_);
    ::close(fd_);
}

void TempFolder::publish_as_new(const std::string& target, unsigned mode) {
    if (::fchmod(fd_, mode) != 0) throw io_error(path_, "cannot set the mode", errno);
    sync_folder(path_);
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST)
            throw Error(ErrorKind::refused, target + ": exists already and is never overwritten");
        throw io_error(target, "cannot create", errno);
    }
    path_.clear();
    sync_folder(folder_of(target));
}

EarlySync::EarlySync(const TempFile& file)
    : thread_(start_helper([this, fd = file.descriptor()](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!stop.stop_requested()) {
              (void)::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint: sync() is what counts
              stopping_.wait_for(lock, stop, std::chrono::milliseconds(20), [] { return false; });
          }
      })) {}

EarlyFree::EarlyFree(const SourceFile& file)
    : thread_(start_helper([fd = file.descriptor()](const std::stop_token& stop) {
          constexpr off_t k_part = off_t{16} << 20;
          struct stat st {};
          if (::fstat(fd, &st) != 0) return;
          for (off_t at = 0; at < st.st_size && !stop.stop_requested(); at += k_part)
              (void)::posix_fadvise(fd, at, k_part, POSIX_FADV_DONTNEED);
      })) {}

void TempFile::sync() const {
    if (::fsync(fd_) != 0) throw io_error(path_, "cannot sync", errno);
}

void TempFile::take_identity_of(const std::string& like) const {
    struct stat st {};
    if (::stat(like.c_str(), &st) != 0) throw io_error(like, "cannot read its owner and mode", errno);
    struct stat own {};
    if (::fstat(fd_, &own) != 0) throw io_error(path_, "cannot read its owner and mode", errno);
    if ((own.st_uid != st.st_uid || own.st_gid != st.st_gid) && ::fchown(fd_, st.st_uid, st.st_gid) != 0) {
        throw io_error(like, "its owner cannot be given to a new file (--strategy in-place needs none)",
                       errno);
    }
    copy_attributes(like, fd_);
    if (::fchmod(fd_, st.st_mode & 07777) != 0) throw io_error(path_, "cannot set the mode", errno);
}

void TempFile::take_rights_of(const std::string& like) const {
    struct stat st {};
    if (::stat(like.c_str(), &st) != 0) throw io_error(like, "cannot read its owner and mode", errno);
    if (::fchown(fd_, st.st_uid, st.st_gid) == 0) {
        take_identity_of(like);
        return;
    }
    const mode_t shared = st.st_mode & 0777;
    // Of a file with an access list the bits of the group are its mask.
    const bool listed = ::getxattr(like.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
    const bool same_group = !listed && ::fchown(fd_, static_cast<uid_t>(-1), st.st_gid) == 0;
    // Those of another group are to others what they were before.
    const mode_t group = same_group ? shared & 0070 : shared & 0070 & ((shared & 0007) << 3);
    if (::fchmod(fd_, (shared & 0707) | group) != 0) throw io_error(path_, "cannot set the mode", errno);
}

void TempFile::publish_over(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0)
        throw io_error(target, "cannot rename the new file into place", errno);
    forget_name(false);
    sync_folder(folder_of(target));
}

void TempFile::publish_as_new(const std::string& target) {
    // A hard link fails where a name exists, whatever it is; rename would replace it.
    if (::link(path_.c_str(), target.c_str()) != 0) {
        if (errno == EEXIST)
            throw Error(ErrorKind::refused, target + ": exists already and is never overwritten");
        if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
            throw io_error(target, "cannot create", errno);
        }
        forget_name(false);
    } else {
        forget_name(true);
    }
    sync_folder(folder_of(target));
}

void TempFile::remove_abandoned(const std::string& beside) {
    const std::string folder = folder_of(beside);
    const std::string prefix = prefix_beside(beside);
    const std::unique_ptr<DIR, CloseDir> dir(::opendir(folder.c_str()));
    if (!dir) return;
    while (const dirent* const entry = ::readdir(dir.get())) {
        const std::string name(entry->d_name);
        if (!name.starts_with(prefix)) continue;
        if (const std::size_t suffix = name.find('-', prefix.size()); suffix != std::string::npos) {
            // What SQLite put beside a file that is gone itself.
            const std::string_view kind = std::string_view(name).substr(suffix);
            const std::string file = folder + "/" + name.substr(0, suffix);
            struct stat st {};
            if ((kind == "-journal" || kind == "-wal" || kind == "-shm") && ::lstat(file.c_str(), &st) != 0 &&
                errno == ENOENT) {
                ::unlink((folder + "/" + name).c_str());
            }
            continue;
        }
        const std::string path = folder + "/" + name;
        const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) continue;
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
            for (const char* const suffix : {"", "-journal", "-wal", "-shm"})
                ::unlink((path + suffix).c_str());
            struct stat st {};
            if (::fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) remove_folder(path);
        }
        ::close(fd);
    }
}

}  // namespace kvctl::store
