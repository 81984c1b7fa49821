#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "kvctl/base/error.hpp"
#include "kvctl/bbolt/format.hpp"

namespace kvctl::bbolt {

/// "FILE: page N"
[[nodiscard]] std::string place(const std::string& path, PageId page);

/// A `damaged` Error that knows its page, so that a reader may note it and go on with the next one.
class PageError : public Error {
  public:
    PageError(const std::string& path, PageId page, const std::string& fault);
    [[nodiscard]] PageId page() const noexcept { return page_; }
    [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

  private:
    PageId page_;
    std::string fault_;
};

/// A leaf or branch page, overflow included, as it lies in the file. A view; cheap to copy.
class Page {
  public:
    Page() = default;
    /// `bytes` begins with the header. Nothing is checked here.
    Page(PageId id, std::string_view bytes) noexcept : id_(id), bytes_(bytes) {
        flags_ = load_u16(bytes.data() + 8);
        count_ = load_u16(bytes.data() + 10);
    }

    [[nodiscard]] PageId id() const noexcept { return id_; }
    [[nodiscard]] bool leaf() const noexcept { return flags_ == k_leaf_page; }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

    struct LeafElement {
        std::string_view key;
        std::string_view value;
        bool bucket = false;
    };
    struct BranchElement {
        std::string_view key;  ///< the smallest below the child
        PageId child;
    };
    /// Element `i` of a page that check() accepted. Bounds are tested once more, because a running server may
    /// write to the page in the meantime; false then.
    [[nodiscard]] bool leaf_element(std::uint32_t i, LeafElement& out) const noexcept {
        const std::size_t at = k_page_header + std::size_t{i} * k_element;
        const char* e = bytes_.data() + at;
        const std::uint32_t flags = load_u32(e);
        const std::uint64_t begin = at + load_u32(e + 4);
        const std::uint64_t key_size = load_u32(e + 8);
        const std::uint64_t value_size = load_u32(e + 12);
        if (begin + key_size + value_size > bytes_.size()) return false;
        out.key = {bytes_.data() + begin, key_size};
        out.value = {bytes_.data() + begin + key_size, value_size};
        out.bucket = (flags & k_bucket_leaf) != 0;
        return true;
    }
    [[nodiscard]] bool branch_element(std::uint32_t i, BranchElement& out) const noexcept {
        const std::size_t at = k_page_header + std::size_t{i} * k_element;
        const char* e = bytes_.data() + at;
        const std::uint64_t begin = at + load_u32(e);
        const std::uint64_t key_size = load_u32(e + 4);
        if (begin + key_size > bytes_.size()) return false;
        out.key = {bytes_.data() + begin, key_size};
        out.child = PageId{load_u64(e + 8)};
        return true;
    }
    /// Only the key, of either kind.
    [[nodiscard]] bool key(std::uint32_t i, std::string_view& out) const noexcept;

    /// What may follow the last element: zeros to the end of the page's span, or nothing, which is so of an
    /// inline bucket.
    enum class Padding { zeros, none };

    /// What is wrong with flags, table or elements; empty when nothing is. bbolt packs a page: all element
    /// headers, then keys and values in the same order without a gap, then zeros (etcd.md 11). So a flipped
    /// bit in a count, a position or a size does not pass, and no page stands for more bytes than it has. An
    /// empty key is a fault too. Keys are not compared.
    [[nodiscard]] std::string fault(Padding padding = Padding::zeros) const;

  private:
    PageId id_;
    std::string_view bytes_;
    std::uint16_t flags_ = 0;
    std::uint16_t count_ = 0;
};

}  // namespace kvctl::bbolt
