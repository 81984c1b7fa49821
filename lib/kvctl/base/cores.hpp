#pragma once

namespace kvctl {

/// Cores this process may run on, at least 1: what `taskset` or a container leaves of the machine.
[[nodiscard]] int usable_cores() noexcept;

}  // namespace kvctl
