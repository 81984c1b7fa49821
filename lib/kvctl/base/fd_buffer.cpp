#include "kvctl/base/fd_buffer.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "kvctl/base/interrupt.hpp"

namespace kvctl {

FdBuffer::FdBuffer(int fd) noexcept : fd_(fd) {
    setp(block_.data(), block_.data() + block_.size());
}

FdBuffer::int_type FdBuffer::overflow(int_type c) {
    if (!drain()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
}

int FdBuffer::sync() {
    return drain() ? 0 : -1;
}

bool FdBuffer::drain() noexcept {
    const char* from = pbase();
    while (error_ == 0 && from != pptr()) {
        const ssize_t n = ::write(fd_, from, static_cast<std::size_t>(pptr() - from));
        if (n > 0) {
            from += n;
        } else if (n == 0) {
            error_ = ENOSPC;
        } else if (errno != EINTR || interrupt_signal() != 0) {
            error_ = errno;
        }
    }
    setp(block_.data(), block_.data() + block_.size());
    return error_ == 0;
}

}  // namespace kvctl
