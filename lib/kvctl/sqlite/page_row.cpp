#include "kvctl/sqlite/page_row.hpp"

#include <algorithm>

namespace kvctl::sqlite {
namespace {

// How many bytes of a payload stand in the cell of a table's leaf (SQLite's file format, 1.6).
std::uint64_t local_bytes(std::uint64_t payload, std::uint64_t usable) noexcept {
    const std::uint64_t most = usable - 35;
    if (payload <= most) return payload;
    const std::uint64_t least = (usable - 12) * 32 / 255 - 23;
    const std::uint64_t fitting = least + (payload - least) % (usable - 4);
    return fitting <= most ? fitting : least;
}

}  // namespace

std::string_view PageRow::name_of(Type type) noexcept {
    switch (type) {
        case Type::integer:
            return "integer";
        case Type::real:
            return "real";
        case Type::text:
            return "text";
        case Type::blob:
            return "blob";
        case Type::null:
            break;
    }
    return "null";
}

PageRow::PageRow(std::span<const Place> places) : places_(places) {
    for (const Place& p : places_) {
        wanted_ = std::max(wanted_, p.column + 1);
        if (p.what == ScanColumn::What::content && !p.rowid) whole_ |= std::uint32_t{1} << p.column;
    }
}

bool PageRow::read(std::string_view page, std::size_t at) {
    constexpr std::uint64_t k_longest_payload = 256U << 20;  // as connections are opened with
    const auto* const begin = reinterpret_cast<const unsigned char*>(page.data());
    const unsigned char* const end = begin + page.size();
    const unsigned char* cell = begin + at;
    odd_ = false;

    std::uint64_t payload = 0;
    std::uint64_t rowid = 0;
    std::size_t n = read_varint(cell, end, payload);
    if (n == 0 || payload == 0 || payload > k_longest_payload) return false;
    cell += n;
    n = read_varint(cell, end, rowid);
    if (n == 0) return false;
    cell += n;
    rowid_ = static_cast<std::int64_t>(rowid);
    const std::uint64_t local = local_bytes(payload, page.size());
    const std::uint64_t overflow = local < payload ? 4 : 0;  // the number of the first overflow page
    if (local + overflow > static_cast<std::uint64_t>(end - cell)) return false;
    const unsigned char* const local_end = cell + local;

    std::uint64_t header = 0;
    n = read_varint(cell, local_end, header);
    if (n == 0 || header < n || header > local) return false;
    const unsigned char* const header_end = cell + header;
    const unsigned char* next = cell + n;
    std::uint64_t offset = header;
    for (std::size_t i = 0; i < wanted_; ++i) {
        Stored& s = stored_[i];
        n = read_varint(next, header_end, s.serial);
        if (n == 0 || s.serial == 10 || s.serial == 11) return false;
        next += n;
        s.at = cell + std::min(offset, local);
        offset += content_bytes(s.serial);
        if (offset > payload || (offset > local && (whole_ >> i & 1U) != 0)) return false;
    }
    if (next == header_end && offset != payload) return false;
    for (const Place& p : places_) {
        const Serial s = stored_[p.column].serial;
        if (p.rowid && s != 0) return false;
        // Of a text it counts characters, of a number its digits.
        if (p.what == ScanColumn::What::length && s != 0 && type_of(s) != Type::blob) return false;
    }
    return true;
}

}  // namespace kvctl::sqlite
