#include "kvctl/store/sqlite/size_model.hpp"

#include <algorithm>

namespace kvctl::store {
namespace {

struct Cell {
    std::uint64_t local = 0;     // payload bytes on the page itself
    std::uint64_t overflow = 0;  // pages
};

// The file format's rule for splitting a payload between the page and overflow pages.
Cell split_payload(std::uint64_t payload, std::uint64_t usable, std::uint64_t most) noexcept {
    if (payload <= most) return {payload, 0};
    const std::uint64_t least = (usable - 12) * 32 / 255 - 23;
    const std::uint64_t fit = least + (payload - least) % (usable - 4);
    const std::uint64_t local = fit <= most ? fit : least;
    return {local, (payload - local + usable - 5) / (usable - 4)};
}

// Pages of the interior levels above `children` pages whose dividers take `bytes` on average.
std::uint64_t interior_pages(std::uint64_t children, double bytes, std::uint64_t usable) noexcept {
    std::uint64_t pages = 0;
    const double room = static_cast<double>(usable) - 12;
    while (children > 1) {
        const auto per_page = static_cast<std::uint64_t>(std::max(2.0, room / bytes)) + 1;
        children = (children + per_page - 1) / per_page;
        pages += children;
    }
    return pages;
}

}  // namespace

std::uint32_t integer_bytes(std::int64_t v) noexcept {
    if (v == 0 || v == 1) return 0;
    const std::int64_t m = v < 0 ? ~v : v;
    if (m <= 0x7F) return 1;
    if (m <= 0x7FFF) return 2;
    if (m <= 0x7FFFFF) return 3;
    if (m <= 0x7FFFFFFF) return 4;
    return m <= 0x7FFFFFFFFFFF ? 6 : 8;
}

std::uint32_t varint_bytes(std::uint64_t v) noexcept {
    std::uint32_t n = 1;
    for (v >>= 7; v != 0 && n < 9; v >>= 7) ++n;
    return n;
}

std::uint32_t serial_bytes(std::uint64_t length) noexcept {
    return varint_bytes(length * 2 + 13);
}

void TablePages::add(std::int64_t rowid, std::uint64_t payload) noexcept {
    const Cell c = split_payload(payload, usable_, usable_ - 35);
    const std::uint64_t rowid_bytes = varint_bytes(static_cast<std::uint64_t>(rowid));
    const std::uint64_t bytes = 2 + std::max<std::uint64_t>(4, varint_bytes(payload) + rowid_bytes + c.local +
                                                                   (c.overflow > 0 ? 4 : 0));
    overflow_ += c.overflow;
    if (used_ + bytes > usable_ - 8) {
        // A row that no longer fits begins a page of its own and leaves a full one behind.
        used_ = bytes;
        ++leaves_;
        divider_ += 2 + 4 + rowid_bytes;
    } else {
        used_ += bytes;
    }
}

std::uint64_t TablePages::pages() const noexcept {
    const double divider =
        leaves_ > 1 ? static_cast<double>(divider_) / static_cast<double>(leaves_ - 1) : 1.0;
    return leaves_ + overflow_ + interior_pages(leaves_, divider, usable_);
}

void IndexPages::add(std::uint64_t payload) noexcept {
    const Cell c = split_payload(payload, usable_, (usable_ - 12) * 64 / 255 - 23);
    const std::uint64_t bytes = 2 + varint_bytes(payload) + c.local + (c.overflow > 0 ? 4 : 0);
    overflow_ += c.overflow;
    if (used_ + bytes > usable_ - 8) {
        // The entry between two leaves moves up.
        divider_ += bytes + 4;
        ++dividers_;
        ++leaves_;
        used_ = 0;
    } else {
        used_ += bytes;
    }
}

std::uint64_t IndexPages::pages() const noexcept {
    const double divider =
        dividers_ > 0 ? static_cast<double>(divider_) / static_cast<double>(dividers_) : 1.0;
    return leaves_ + overflow_ + interior_pages(leaves_, divider, usable_);
}

}  // namespace kvctl::store
