#include "tests/crash/watcher.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace kvctl::crash {
namespace {

std::string& folder() {
    static std::string path;
    return path;
}
Watcher* current = nullptr;
pid_t shown = 0;

}  // namespace

const char* name_of(Call call) noexcept {
    switch (call) {
        case Call::open:
            return "open";
        case Call::read:
            return "read";
        case Call::write:
            return "write";
        case Call::sync:
            return "sync";
        case Call::truncate:
            return "truncate";
        case Call::map:
            return "mmap";
        case Call::remove:
            return "unlink";
        case Call::rename:
            return "rename";
        case Call::link:
            return "link";
        case Call::chmod:
            return "chmod";
        case Call::folder_sync:
            return "folder sync";
    }
    return "";
}

Watch::Watch(const std::string& path, Watcher& watcher) {
    folder() = path + "/";
    current = &watcher;
}

Watch::~Watch() {
    current = nullptr;
}

Watcher* watcher_of(const std::string& path) noexcept {
    return current != nullptr && path.starts_with(folder()) ? current : nullptr;
}

Watcher* watcher_of_folder(const std::string& path) noexcept {
    return current != nullptr && path + "/" == folder() ? current : nullptr;
}

Watcher* any_watcher() noexcept {
    return current;
}

std::uint64_t inode_of(const std::string& path) noexcept {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

void show_process(pid_t pid) noexcept {
    shown = pid;
}

pid_t shown_process() noexcept {
    return shown != 0 ? shown : ::getppid();
}

}  // namespace kvctl::crash
