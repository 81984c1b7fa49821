#pragma once
#include <system_error>
#include <thread>
#include <utility>

namespace kvctl {

/// Runs `f` (as std::jthread takes it) on a thread of its own; where the system has none to give, nothing
/// runs: for work that somebody else does as well or that may be left out.
template <class F>
[[nodiscard]] std::jthread start_helper(F f) {
    try {
        return std::jthread(std::move(f));
    } catch (const std::system_error&) {
        return {};
    }
}

}  // namespace kvctl
