#include "kvctl/bbolt/page.hpp"

#include <cstring>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::bbolt {
namespace {

bool all_zeros(std::string_view bytes) noexcept {
    return bytes.empty() ||
           (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

std::string place(const std::string& path, PageId page) {
    return fmt::format("{}: page {}", path, page);
}

PageError::PageError(const std::string& path, PageId page, const std::string& fault)
    : Error(ErrorKind::damaged, fmt::format("{}: {} ({} names all that is damaged)", place(path, page), fault,
                                            command_on(path, "check"))),
      page_(page),
      fault_(fault) {}

bool Page::key(std::uint32_t i, std::string_view& out) const noexcept {
    if (leaf()) {
        LeafElement e;
        const bool ok = leaf_element(i, e);
        out = e.key;
        return ok;
    }
    BranchElement e;
    const bool ok = branch_element(i, e);
    out = e.key;
    return ok;
}

std::string Page::fault(Padding padding) const {
    if (flags_ != k_leaf_page && flags_ != k_branch_page) {
        return fmt::format("is neither a leaf nor a branch page (flags 0x{})", hex(flags_));
    }
    std::uint64_t end = k_page_header + std::uint64_t{count_} * k_element;
    if (end > bytes_.size()) return fmt::format("its table of {} elements does not fit", count_);
    if (count_ == 0 && !leaf()) return "is a branch page without children";
    for (std::uint32_t i = 0; i < count_; ++i) {
        std::string_view k;
        std::uint64_t size = 0;
        bool inside = false;
        if (leaf()) {
            LeafElement e;
            inside = leaf_element(i, e);
            k = e.key;
            size = e.key.size() + e.value.size();
            const std::uint32_t flags = load_u32(bytes_.data() + k_page_header + std::size_t{i} * k_element);
            if ((flags & ~k_bucket_leaf) != 0)
                return fmt::format("element {} has unknown flags (0x{})", i, hex(flags));
        } else {
            inside = key(i, k);
            size = k.size();
        }
        if (!inside) return fmt::format("element {} reaches out of the page", i);
        if (k.empty()) return fmt::format("element {} has an empty key", i);
        const auto begin = static_cast<std::uint64_t>(k.data() - bytes_.data());
        if (begin < end) return fmt::format("element {} overlaps what stands before it", i);
        if (begin > end) return fmt::format("element {} leaves a gap before it", i);
        end = begin + size;
    }
    // Where the last element ends, nothing vouches for but what follows.
    const std::string_view rest = bytes_.substr(end);
    if (padding == Padding::none ? !rest.empty() : !all_zeros(rest))
        return fmt::format("something stands behind its {} elements", count_);
    return {};
}

}  // namespace kvctl::bbolt
