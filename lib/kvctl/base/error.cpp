#include "kvctl/base/error.hpp"

#include <cerrno>
#include <cstring>

#include "kvctl/base/format.hpp"

namespace kvctl {

std::string_view kind_name(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::internal:
            return "internal";
        case ErrorKind::usage:
            return "usage";
        case ErrorKind::findings:
            return "findings";
        case ErrorKind::future_revision:
            return "future-revision";
        case ErrorKind::compacted:
            return "compacted";
        case ErrorKind::in_use:
            return "in-use";
        case ErrorKind::no_space:
            return "no-space";
        case ErrorKind::read_only_layout:
            return "read-only-layout";
        case ErrorKind::refused:
            return "refused";
        case ErrorKind::busy:
            return "busy";
        case ErrorKind::not_a_store:
            return "not-a-store";
        case ErrorKind::damaged:
            return "damaged";
        case ErrorKind::io:
            return "io";
        case ErrorKind::interrupted:
            return "interrupted";
    }
    return "internal";
}

int exit_code(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::internal:
            return 1;
        case ErrorKind::usage:
            return 2;
        case ErrorKind::findings:
            return 3;
        case ErrorKind::future_revision:
        case ErrorKind::compacted:
        case ErrorKind::in_use:
        case ErrorKind::no_space:
        case ErrorKind::read_only_layout:
        case ErrorKind::refused:
            return 4;
        case ErrorKind::busy:
            return 5;
        case ErrorKind::not_a_store:
        case ErrorKind::damaged:
            return 6;
        case ErrorKind::io:
            return 7;
        case ErrorKind::interrupted:
            return 130;
    }
    return 1;
}

Error usage_error(const std::string& message) {
    return {ErrorKind::usage, message};
}

Error io_error(const std::string& path, const std::string& what, int errno_value) {
    return {ErrorKind::io, fmt::format("{}: {}: {}{}", path, what, std::strerror(errno_value),
                                       errno_value == EACCES || errno_value == EPERM ? " (try sudo)" : "")};
}

}  // namespace kvctl
