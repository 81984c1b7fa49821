#include "tests/support/small_disk.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

namespace kvctl::test {

SmallDisk::SmallDisk(std::uint64_t bytes) : path_(folder_.file("disk")) {
    std::filesystem::create_directory(path_);
    const std::string size = "size=" + std::to_string(bytes);
    mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted_) MESSAGE("skipped: no small file system can be mounted here");
}

SmallDisk::~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

std::uint64_t SmallDisk::free_bytes() const {
    struct statvfs st {};
    REQUIRE(::statvfs(path_.c_str(), &st) == 0);
    return static_cast<std::uint64_t>(st.f_bavail) * st.f_frsize;
}

void SmallDisk::fill_but_for(std::uint64_t bytes) const {
    const std::string filler = file("filler");
    std::filesystem::remove(filler);
    const std::uint64_t free = free_bytes();
    REQUIRE(free >= bytes);
    const int fd = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    const int rc = free == bytes ? 0 : ::posix_fallocate(fd, 0, static_cast<off_t>(free - bytes));
    ::close(fd);
    REQUIRE(rc == 0);
}

}  // namespace kvctl::test
