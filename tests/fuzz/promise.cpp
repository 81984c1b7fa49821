#include "tests/fuzz/promise.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/temp_dir.hpp"

namespace kvctl::fuzz {

namespace {

void write_all(int fd, std::string_view bytes) {
    if (::ftruncate(fd, static_cast<::off_t>(bytes.size())) != 0)
        throw std::runtime_error("a file in memory cannot be sized");
    for (::off_t at = 0; !bytes.empty();) {
        const ::ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), at);
        if (n <= 0) throw std::runtime_error("a file in memory cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(n));
        at += n;
    }
}

}  // namespace

MemoryFile::MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("memfd_create failed");
}

void MemoryFile::write(std::string_view bytes) {
    write_all(fd_, bytes);
}

void overwrite_file(const std::string& path, std::string_view bytes) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) throw std::runtime_error("cannot write " + path);
    write_all(fd, bytes);
    ::close(fd);
}

MemoryFile::~MemoryFile() {
    ::close(fd_);
}

const std::filesystem::path& scratch_folder() {
    static const test::TempDir k_folder(test::fast_folder());
    return k_folder.path();
}

std::uint64_t Input::number(std::size_t bytes) noexcept {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < bytes && !left_.empty(); ++i) {
        n |= std::uint64_t{static_cast<unsigned char>(left_.front())} << (8 * i);
        left_.remove_prefix(1);
    }
    return n;
}

std::string_view Input::bytes(std::size_t n) noexcept {
    const std::string_view taken = left_.substr(0, n);
    left_.remove_prefix(taken.size());
    return taken;
}

}  // namespace kvctl::fuzz
