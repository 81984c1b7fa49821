#include "tests/fuzz/sqlite_wal.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace kvctl::fuzz {
namespace {

constexpr std::uint32_t k_magic = 0x377F0683;  // sums are taken over big-endian words
constexpr std::uint32_t k_version = 3007000;

void append_be32(std::string& out, std::uint32_t n) {
    for (int shift = 24; shift >= 0; shift -= 8)
        out += static_cast<char>(n >> static_cast<unsigned>(shift) & 0xFFU);
}

std::uint32_t be32(std::string_view bytes, std::size_t at) {
    std::uint32_t n = 0;
    std::memcpy(&n, bytes.data() + at, sizeof n);
    return __builtin_bswap32(n);
}

// The running checksum of the WAL format.
struct Sum {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    void add(std::string_view bytes) {
        for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
            first += be32(bytes, at) + second;
            second += be32(bytes, at + 4) + first;
        }
    }
    void append_to(std::string& out) const {
        append_be32(out, first);
        append_be32(out, second);
    }
};

// What there is of a page.
std::string_view slice(std::string_view database, std::size_t number, std::size_t size) {
    return database.substr(std::min(number * size, database.size()), size);
}

std::string page_of(std::string_view database, std::size_t number, std::size_t size) {
    std::string page(slice(database, number, size));
    page.resize(size, '\0');
    return page;
}

}  // namespace

std::string wal_between(std::string_view before, std::string_view after, std::size_t page_size) {
    std::string wal;
    for (const std::uint32_t n : {k_magic, k_version, static_cast<std::uint32_t>(page_size), 0U, 1U, 2U})
        append_be32(wal, n);
    Sum sum;
    sum.add(wal);
    sum.append_to(wal);
    const std::size_t pages = std::max<std::size_t>((after.size() + page_size - 1) / page_size, 1);
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i < pages; ++i) {
        if (slice(before, i, page_size) != slice(after, i, page_size)) changed.push_back(i);
    }
    if (changed.empty()) changed.push_back(0);
    for (const std::size_t i : changed) {
        const std::size_t start = wal.size();
        append_be32(wal, static_cast<std::uint32_t>(i + 1));
        append_be32(wal, i == changed.back() ? static_cast<std::uint32_t>(pages) : 0);
        sum.add(std::string_view(wal).substr(start, 8));
        const std::string page = page_of(after, i, page_size);
        sum.add(page);
        for (const std::uint32_t salt : {1U, 2U}) append_be32(wal, salt);
        sum.append_to(wal);
        wal += page;
    }
    return wal;
}

std::string in_wal_mode(std::string database) {
    for (const std::size_t at : {std::size_t{18}, std::size_t{19}}) {
        if (at < database.size()) database[at] = 2;
    }
    return database;
}

}  // namespace kvctl::fuzz
