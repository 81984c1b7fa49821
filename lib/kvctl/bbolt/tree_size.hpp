#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kvctl/bbolt/format.hpp"

namespace kvctl::bbolt {

/// Bytes of a page being filled, header included, and the one rule of where it ends. TreeSize and TreeWriter
/// both ask it, so that what is predicted is what is written.
class PageFill {
  public:
    /// bbolt counts in 16 bits and refuses to write the largest number.
    static constexpr std::uint32_t k_max_elements = 0xFFFE;

    /// A branch takes two children whatever their keys' sizes: a level of branches is then never as long as
    /// the one below it.
    PageFill(std::uint64_t page_size, bool leaf) noexcept : page_size_(page_size), least_(leaf ? 1 : 2) {}

    /// Whether an element with `bytes` of key and value still goes on this page.
    [[nodiscard]] bool takes(std::uint64_t bytes) const noexcept {
        if (count_ < least_) return true;
        return count_ < k_max_elements && bytes_ + k_element + bytes <= page_size_;
    }
    void add(std::uint64_t bytes) noexcept {
        bytes_ += k_element + bytes;
        ++count_;
    }
    /// Nothing can follow: the element that made it so has the page for itself, as far as it goes.
    [[nodiscard]] bool full() const noexcept { return count_ >= least_ && bytes_ >= page_size_; }

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// Pages it covers, overflow included.
    [[nodiscard]] std::uint64_t pages() const noexcept { return (bytes_ + page_size_ - 1) / page_size_; }
    /// Small enough for a bucket to stand inside its parent's element.
    [[nodiscard]] bool fits_inline() const noexcept { return bytes_ <= page_size_ / 4; }
    void clear() noexcept {
        bytes_ = k_page_header;
        count_ = 0;
    }

  private:
    std::uint64_t page_size_;
    std::uint32_t least_;
    std::uint32_t count_ = 0;
    std::uint64_t bytes_ = k_page_header;
};

/// How many pages a bucket takes when it is written bottom up, from the sizes of its elements alone.
class TreeSize {
  public:
    struct Result {
        std::uint64_t pages = 0;  ///< 0: inline
        /// What stands in the parent's element: the bucket's header, and the page of an inline bucket.
        std::uint64_t value_bytes = k_bucket_header;
    };

    /// `root`: the bucket that holds the others, which is never inline.
    explicit TreeSize(std::uint64_t page_size, bool root = false);

    /// The next element in key order. A bucket's value is Result::value_bytes long.
    void add(std::uint64_t key_bytes, std::uint64_t value_bytes, bool bucket = false);
    [[nodiscard]] Result finish();

  private:
    struct Level {
        PageFill fill;
        std::uint64_t first_key = 0;      // its size, of the page being filled
        std::uint64_t emitted = 0;        // pages of this level that are complete
        std::uint64_t first_emitted = 0;  // the first key's size of the first of them
    };
    void add_at(std::size_t level, std::uint64_t key_bytes, std::uint64_t value_bytes);
    void emit(std::size_t level);

    std::uint64_t page_size_;
    bool may_inline_;
    std::vector<Level> levels_;
    std::uint64_t pages_ = 0;
};

}  // namespace kvctl::bbolt
