#include "tools/terminal.hpp"

#include <algorithm>
#include <exception>

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
    if (now < due_) return;
    const std::string text = progress_text(phase, done, total);
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
    const std::string head = std::string(phase) + "  ";
    if (total == 0) return head + group_digits(done);
    const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    return head + std::to_string(static_cast<int>(share * 100)) + " %";
}

}  // namespace kvctl::cli
