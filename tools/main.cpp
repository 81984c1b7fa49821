#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "kvctl/base/fd_buffer.hpp"
#include "kvctl/base/interrupt.hpp"
#include "tools/commands.hpp"

namespace {

// A closed standard descriptor would be handed to the next file opened, and a report would be written into
// the store. /dev/null takes its place, opened so that using it fails as using a closed one does.
void fill_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        if (::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY) != fd) std::_Exit(7);
    }
}

void set_up_signals() {
    struct sigaction action {};
    action.sa_handler = [](int signal) { kvctl::request_interrupt(signal); };
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    // nohup's wish is respected.
    struct sigaction hangup {};
    if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        ::sigaction(SIGHUP, &action, nullptr);
    // A reader that went away, or a file size limit, is a failed write, not an end in the middle of a change.
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
    ::sigaction(SIGXFSZ, &action, nullptr);
    // A mapped file was cut short under the reader, or its disk failed. Nothing is committed by then.
    action.sa_handler = [](int) {
        constexpr std::string_view k_message =
            "kvctl: a file was cut short by another process, or its disk failed, while it was read\n";
        (void)!::write(STDERR_FILENO, k_message.data(), k_message.size());
        std::_Exit(7);
    };
    ::sigaction(SIGBUS, &action, nullptr);
}

// Nothing where it is no terminal, or one that does not say.
::winsize size_of_terminal(int fd) {
    ::winsize size{};
    if (::isatty(fd) != 1 || ::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
    return size;
}

}  // namespace

int main(int argc, char** argv) {
    fill_standard_descriptors();
    set_up_signals();
    kvctl::FdBuffer buffer(STDOUT_FILENO);
    std::ostream out(&buffer);
    const ::winsize size = size_of_terminal(STDOUT_FILENO);
    kvctl::cli::Io io{out,         std::cerr,  ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1,
                      size.ws_col, size.ws_row};
    return kvctl::cli::run(kvctl::cli::Args(argv + (argc > 0 ? 1 : 0), argv + argc), io);
}
