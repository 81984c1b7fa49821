#include "tools/terminal.hpp"

#include <algorithm>
#include <exception>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::cli {

TerminalProgress::TerminalProgress(std::ostream& err, Style style, std::chrono::milliseconds delay)
    : err_(err), style_(style), due_(std::chrono::steady_clock::now() + delay) {}

TerminalProgress::~TerminalProgress() {
    try {
        wipe();
    } catch (const std::exception&) {
        // A terminal that is gone needs no wiping.
        drawn_ = false;
    }
}

void TerminalProgress::update(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (phase != phase_ || done < first_) {
        phase_ = phase;
        begun_ = now;
        first_ = done;
    }
    if (now < due_) return;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begun_);
    const std::string text = progress_text(phase, done, total) +
                             rate_text(elapsed, done - first_, total > done ? total - done : 0);
    if (style_ == Style::redrawn) {
        err_ << "\r\x1b[K" << text << std::flush;
        drawn_ = true;
        due_ = now + std::chrono::milliseconds(100);
    } else {
        err_ << text << std::endl;
        due_ = now + std::chrono::seconds(1);
    }
}

void TerminalProgress::wipe() {
    if (drawn_) err_ << "\r\x1b[K" << std::flush;
    drawn_ = false;
}

std::string progress_text(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    if (done == 0 && total == 0) return std::string(phase);
    if (total == 0) return fmt::format("{}  {}", phase, group_digits(done));
    const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    return fmt::format("{}  {} %", phase, static_cast<int>(share * 100));
}

std::string rate_text(std::chrono::milliseconds elapsed, std::uint64_t done, std::uint64_t left) {
    if (elapsed < std::chrono::milliseconds(500) || done == 0) return {};
    const double per_ms = static_cast<double>(done) / static_cast<double>(elapsed.count());
    const std::string rate = group_digits(static_cast<std::uint64_t>(per_ms * 1000));
    if (left == 0) return fmt::format("  {} a second", rate);
    const auto seconds = static_cast<std::uint64_t>(static_cast<double>(left) / per_ms / 1000) + 1;
    if (seconds < 120) return fmt::format("  {} a second, {} s left", rate, seconds);
    return fmt::format("  {} a second, {} min left", rate, seconds / 60 + 1);
}

}  // namespace kvctl::cli
