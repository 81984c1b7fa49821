#include "tests/fuzz/promise.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/temp_dir.hpp"

namespace kvctl::fuzz {

MemoryFile::MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("memfd_create failed");
    while (!bytes.empty()) {
        const ::ssize_t n = ::write(fd_, bytes.data(), bytes.size());
        if (n <= 0) throw std::runtime_error("a file in memory cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
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
