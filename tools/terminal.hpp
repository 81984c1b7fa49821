#pragma once
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "kvctl/base/progress.hpp"

namespace kvctl::cli {

/// Progress for people: nothing before `delay` has passed, then one line redrawn in place (wiped by the
/// destructor, so that the report stands alone), or a line a second where there is no terminal to redraw on.
class TerminalProgress final : public Progress {
  public:
    enum class Style { redrawn, lines };

    explicit TerminalProgress(std::ostream& err, Style style,
                              std::chrono::milliseconds delay = std::chrono::seconds(1));
    ~TerminalProgress() override;
    TerminalProgress(const TerminalProgress&) = delete;
    TerminalProgress& operator=(const TerminalProgress&) = delete;

    void update(std::string_view phase, std::uint64_t done, std::uint64_t total) override;
    /// Takes the drawn line away, for a message to be printed; the next update draws again.
    void wipe();

  private:
    std::ostream& err_;
    Style style_;
    std::chrono::steady_clock::time_point due_;
    bool drawn_ = false;
    std::string phase_;  // the one that goes on
    std::chrono::steady_clock::time_point begun_;
    std::uint64_t first_ = 0;  // what was done when it began
};

/// "reading  45 %" or, without a total, "reading  1,234,567"; the phase alone where there is no number yet.
[[nodiscard]] std::string progress_text(std::string_view phase, std::uint64_t done, std::uint64_t total);

/// "  120,000 a second, 12 s left" of a phase that has done so much in that time; empty in its first
/// half second.
[[nodiscard]] std::string rate_text(std::chrono::milliseconds elapsed, std::uint64_t done,
                                    std::uint64_t left);

}  // namespace kvctl::cli
