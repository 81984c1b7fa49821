#include "kvctl/base/mapped_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <utility>

namespace kvctl {
namespace {

// What the handler can see of a mapping: no locks, no memory of its own.
struct Range {
    std::atomic<std::uintptr_t> begin{0};  // 0: free; 1: being filled in
    std::atomic<std::uintptr_t> end{0};
    std::atomic<bool> lost{false};
    std::atomic<bool> told{false};  // by take_lost()
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

std::array<Range, 64> g_ranges;
std::array<std::string, 64> g_names;  // whose range this is or was; not for the handler
std::uintptr_t g_page = 4096;
struct sigaction g_before;

void on_bus_error(int signal, siginfo_t* info, void* context) {
    const int saved_errno = errno;
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    bool watched = false;
    for (Range& r : g_ranges) {
        if (r.begin <= 1 || at < r.begin || at >= r.end) continue;
        watched = true;
        r.lost = true;
    }
    void* const page = reinterpret_cast<void*>(at & ~(g_page - 1));  // NOLINT(performance-no-int-to-ptr)
    if (watched && ::mmap(page, g_page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
        errno = saved_errno;
        return;
    }
    if ((g_before.sa_flags & SA_SIGINFO) != 0 && g_before.sa_sigaction != nullptr) {
        g_before.sa_sigaction(signal, info, context);
        return;
    }
    // The access is repeated when this returns, and then ends the process as it would have.
    ::sigaction(SIGBUS, &g_before, nullptr);
}

void install_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        g_page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        struct sigaction action {};
        action.sa_sigaction = on_bus_error;
        action.sa_flags = SA_SIGINFO;
        ::sigemptyset(&action.sa_mask);
        ::sigaction(SIGBUS, &action, &g_before);
    });
}

std::size_t enter(std::string_view bytes, std::string name) {
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
    // A range that still has a loss to tell is taken last.
    for (std::size_t n = 0; n < 2 * g_ranges.size(); ++n) {
        const std::size_t i = n % g_ranges.size();
        if (n < g_ranges.size() && g_ranges[i].lost && !g_ranges[i].told) continue;
        std::uintptr_t none = 0;
        if (!g_ranges[i].begin.compare_exchange_strong(none, 1)) continue;
        g_ranges[i].lost = false;
        g_ranges[i].told = false;
        g_names[i] = std::move(name);
        g_ranges[i].end = begin + bytes.size();
        g_ranges[i].begin = begin;
        return i + 1;
    }
    return 0;
}

}  // namespace

WatchedPages::WatchedPages(std::string_view bytes, std::string name) : bytes_(bytes) {
    install_handler();
    slot_ = enter(bytes_, std::move(name));
}

WatchedPages::~WatchedPages() {
    if (slot_ != 0) g_ranges[slot_ - 1].begin = 0;
}

WatchedPages::WatchedPages(WatchedPages&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), slot_(std::exchange(other.slot_, 0)) {}

WatchedPages& WatchedPages::operator=(WatchedPages&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(slot_, other.slot_);
    return *this;
}

bool WatchedPages::lost() const noexcept {
    return slot_ != 0 && g_ranges[slot_ - 1].lost;
}

void WatchedPages::excuse() const noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes_.data());
    for (Range& r : g_ranges) {
        if (r.begin > 1 && r.begin < begin + bytes_.size() && r.end > begin) r.told = true;
    }
}

std::optional<std::string> WatchedPages::take_lost() {
    std::optional<std::string> name;
    for (std::size_t i = 0; i < g_ranges.size(); ++i) {
        if (g_ranges[i].lost && !g_ranges[i].told.exchange(true)) name = g_names[i];
    }
    return name;
}

MappedFile::MappedFile(int fd, std::size_t size, std::string name) {
    void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    pages_ = WatchedPages({static_cast<const char*>(at), size}, std::move(name));
}

MappedFile::~MappedFile() {
    const std::string_view mapped = bytes();
    pages_ = {};
    if (!mapped.empty()) ::munmap(const_cast<char*>(mapped.data()), mapped.size());
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(pages_, other.pages_);
    return *this;
}

}  // namespace kvctl
