#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

// The little-endian words and padded texts that all of dqlite's files are made of. Not installed.
namespace kvctl::dqlite {

template <class Integer>
[[nodiscard]] Integer little(std::string_view bytes, std::size_t at) noexcept {
    Integer n = 0;
    for (std::size_t i = sizeof(Integer); i-- > 0;)
        n = static_cast<Integer>(n << 8 | static_cast<unsigned char>(bytes[at + i]));
    return n;
}

template <class Integer>
void put_little(std::string& out, Integer n) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) out += static_cast<char>(n >> (8 * i) & 0xFF);
}

[[nodiscard]] constexpr std::size_t padded(std::size_t n) noexcept {
    return (n + 7) / 8 * 8;
}

/// Reads words in order; once something does not fit, failed() stays true and zeros come.
class Words {
  public:
    explicit Words(std::string_view bytes) : bytes_(bytes) {}

    template <class Integer>
    Integer take() noexcept {
        if (!room(sizeof(Integer))) return 0;
        const auto n = little<Integer>(bytes_, at_);
        at_ += sizeof(Integer);
        return n;
    }
    std::string_view bytes(std::size_t n) noexcept {
        if (!room(n)) return {};
        at_ += n;
        return bytes_.substr(at_ - n, n);
    }
    /// A text that ends with NUL, with what pads it to eight bytes where `pads`.
    std::string_view text(bool pads) noexcept {
        const std::size_t end = failed_ ? std::string_view::npos : bytes_.find('\0', at_);
        if (end == std::string_view::npos) {
            failed_ = true;
            return {};
        }
        const std::string_view found = bytes_.substr(at_, end - at_);
        (void)bytes(pads ? padded(found.size() + 1) : found.size() + 1);
        return found;
    }
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] std::size_t at() const noexcept { return at_; }
    [[nodiscard]] std::size_t left() const noexcept { return failed_ ? 0 : bytes_.size() - at_; }

  private:
    bool room(std::size_t n) noexcept {
        failed_ = failed_ || n > bytes_.size() - at_;
        return !failed_;
    }
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace kvctl::dqlite
