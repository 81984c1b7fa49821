#include "tests/support/run_binary.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace kvctl::test {
namespace {

[[noreturn]] void become(const Start& start, const std::vector<char*>& argv, const std::string& out,
                         const std::string& err) {
    const auto put = [](const std::string& path, int flags, int fd) {
        const int opened = ::open(path.c_str(), flags, 0600);
        if (opened < 0 || ::dup2(opened, fd) < 0) ::_exit(126);
        if (opened != fd) ::close(opened);
    };
    put("/dev/null", O_RDONLY, STDIN_FILENO);
    put(out, start.out_path.empty() ? O_WRONLY | O_CREAT : O_WRONLY, STDOUT_FILENO);
    put(err, O_WRONLY | O_CREAT, STDERR_FILENO);
    for (const int fd : start.closed) ::close(fd);
    for (const auto& [name, value] : start.environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (!start.folder.empty() && ::chdir(start.folder.c_str()) != 0) ::_exit(126);
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

}  // namespace

Child::Child(const Start& start) {
    std::vector<std::string> words{start.program};
    words.insert(words.end(), start.args.begin(), start.args.end());
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    const std::string out = start.out_path.empty() ? streams_.file("out") : start.out_path;
    const std::string err = streams_.file("err");
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) become(start, argv, out, err);
}

Child::~Child() {
    if (reaped_) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
}

void Child::send(int signal) const {
    if (!reaped_) ::kill(pid_, signal);
}

bool Child::ended() {
    if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
    return reaped_;
}

Result Child::wait(int seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!ended()) {
        if (std::chrono::steady_clock::now() > until) {
            send(SIGKILL);
            while (!ended()) std::this_thread::yield();
            throw std::runtime_error("the process did not end within " + std::to_string(seconds) +
                                     " seconds");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const auto captured = [&](const char* name) {
        return std::filesystem::exists(streams_.file(name)) ? read_file(streams_.file(name)) : std::string();
    };
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 1000 + WTERMSIG(status_), captured("out"),
            captured("err")};
}

Result run_binary(const std::vector<std::string>& args) {
    return run({.args = args});
}

Result run(const Start& start) {
    return Child(start).wait();
}

}  // namespace kvctl::test
