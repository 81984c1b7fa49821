#pragma once

namespace kvctl {

/// Cores this process may run on, at least 1: what `taskset` or a cpuset leaves of the machine. A share of
/// their time that a container is held to does not count.
[[nodiscard]] int usable_cores() noexcept;

}  // namespace kvctl
