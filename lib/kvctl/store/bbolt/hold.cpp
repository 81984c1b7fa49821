#include "kvctl/store/bbolt/hold.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/openers.hpp"
#include "kvctl/store/holders.hpp"

namespace kvctl::store {
namespace {

using Clock = std::chrono::steady_clock;

// The name may have been given to another file while this one was waited for.
bool still_named(int fd, const std::string& real_path) {
    struct stat held {};
    struct stat named {};
    return ::fstat(fd, &held) == 0 && ::stat(real_path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

}  // namespace

BboltHold::BboltHold(const std::string& path, const std::string& real_path, Kind kind,
                     const OpenOptions& options) {
    const Clock::time_point deadline =
        Clock::now() + std::chrono::milliseconds(options.waits_for_idle ? options.timeout_ms : 0);
    for (;;) {
        fd_ = ::open(real_path.c_str(), (kind == Kind::exclusive ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (fd_ < 0) throw io_error(path, "cannot open", errno);
        const int rc = ::flock(fd_, (kind == Kind::exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
        const int error = rc != 0 ? errno : 0;
        const bool locked = error == EWOULDBLOCK;
        // Where nothing can be locked a reader goes without, as from a read-only medium; a writer must not.
        if (error != 0 && !locked && error != EINTR && kind == Kind::exclusive) {
            ::close(fd_);
            fd_ = -1;
            throw io_error(path, "cannot lock", error);
        }
        if (!locked && error != EINTR && still_named(fd_, real_path)) return;
        struct stat st {};
        const bool known = ::fstat(fd_, &st) == 0;
        ::close(fd_);
        fd_ = -1;
        if (locked && Clock::now() >= deadline) {
            throw Error(
                ErrorKind::in_use,
                fmt::format(
                    "{}{}", in_use_by(path, known ? find_lockers(st, false) : std::vector<pid_t>{}, true),
                    options.waits_for_idle ? fmt::format("; waited {} ms (--timeout)", options.timeout_ms)
                                           : ""));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        check_interrupt();
    }
}

BboltHold::~BboltHold() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace kvctl::store
