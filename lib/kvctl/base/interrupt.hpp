#pragma once

namespace kvctl {

/// Called from a signal handler: remembers the signal. Async-signal-safe.
void request_interrupt(int signal) noexcept;

/// The signal that asked the work to stop, or 0.
[[nodiscard]] int interrupt_signal() noexcept;

/// Throws an `interrupted` Error when a signal asked the work to stop. Long loops call it about every
/// millisecond.
void check_interrupt();

}  // namespace kvctl
