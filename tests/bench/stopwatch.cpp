// Times one process: kvctl_bench_stopwatch RESULT [--memory] COMMAND...
//
// RESULT becomes a JSON object: wall, user and system seconds, the peak of resident memory, and the exit
// code. The clock covers starting the process and waiting for its end, no more, for whatever is measured. A
// program as small as this one starts the command because the kernel counts the parent's memory at that
// moment into the child's peak.
//
// --memory also samples how much of the memory was anonymous, that is, not pages of a mapped file which the
// kernel may drop at will. Sampling costs a little time, so such a run is not used for its seconds.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

/// KiB of anonymous memory of a running process, 0 once it has ended.
long anonymous_kib(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        long kib = 0;
        if (std::sscanf(line.c_str(), "RssAnon: %ld", &kib) == 1) {
            return kib;
        }
    }
    return 0;
}

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
    const bool memory = argc > 2 && std::strcmp(argv[2], "--memory") == 0;
    char** command = argv + (memory ? 3 : 2);
    if (argc < 3 || *command == nullptr) {
        std::cerr << "usage: kvctl_bench_stopwatch RESULT [--memory] COMMAND...\n";
        return 2;
    }
    const Clock::time_point begin = Clock::now();
    pid_t pid = 0;
    if (const int code = posix_spawnp(&pid, *command, nullptr, nullptr, command, environ); code != 0) {
        std::cerr << *command << ": " << std::generic_category().message(code) << '\n';
        return 2;
    }
    int status = 0;
    rusage usage{};
    long anonymous = 0;
    while (memory && wait4(pid, &status, WNOHANG, &usage) == 0) {
        anonymous = std::max(anonymous, anonymous_kib(pid));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!memory) {
        wait4(pid, &status, 0, &usage);
    }
    const std::chrono::duration<double> wall = Clock::now() - begin;
    std::ofstream result(argv[1]);
    result << "{\"seconds\":" << wall.count() << ",\"user\":" << seconds(usage.ru_utime)
           << ",\"system\":" << seconds(usage.ru_stime) << ",\"max_rss_kib\":" << usage.ru_maxrss
           << ",\"peak_anonymous_kib\":" << anonymous
           << ",\"exit\":" << (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)) << "}\n";
    return result.flush() ? 0 : 1;
}
