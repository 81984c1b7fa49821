#include "kvctl/base/interrupt.hpp"

#include <atomic>

#include "kvctl/base/error.hpp"

namespace kvctl {
namespace {
std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);
}  // namespace

void request_interrupt(int signal) noexcept {
    g_signal.store(signal, std::memory_order_relaxed);
}

int interrupt_signal() noexcept {
    return g_signal.load(std::memory_order_relaxed);
}

void check_interrupt() {
    if (interrupt_signal() != 0) throw Error(ErrorKind::interrupted, "interrupted by a signal");
}

}  // namespace kvctl
