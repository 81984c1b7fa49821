#include "kvctl/store/dqlite/leaf.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"

namespace kvctl::store {
namespace {

constexpr unsigned char k_table_leaf = 0x0D;
constexpr std::size_t k_leaf_header = 8;
// What a damaged length asks for must not become memory.
constexpr std::uint64_t k_longest_row = std::uint64_t{64} << 20;
constexpr std::size_t k_most_columns = 64;

unsigned char at(std::string_view bytes, std::size_t i) {
    return static_cast<unsigned char>(bytes[i]);
}

std::uint32_t big(std::string_view bytes, std::size_t i) {
    return be32(reinterpret_cast<const unsigned char*>(bytes.data()) + i);
}

// SQLite's variable-length integer; false where the bytes end inside it.
bool take_varint(std::string_view& bytes, std::uint64_t& n) {
    n = 0;
    for (std::size_t i = 0; i < 9 && i < bytes.size(); ++i) {
        const unsigned char c = at(bytes, i);
        if (i == 8) {
            n = n << 8 | c;
        } else {
            n = n << 7 | (c & 0x7F);
            if ((c & 0x80) != 0) continue;
        }
        bytes.remove_prefix(i + 1);
        return true;
    }
    return false;
}

// How much of a payload stands on the leaf itself (https://sqlite.org/fileformat2.html, "Cell Payload").
std::size_t local_bytes(std::uint64_t payload, std::size_t usable) {
    const std::size_t most = usable - 35;
    if (payload <= most) return static_cast<std::size_t>(payload);
    const std::size_t least = (usable - 12) * 32 / 255 - 23;
    const std::size_t fitting = least + static_cast<std::size_t>((payload - least) % (usable - 4));
    return fitting <= most ? fitting : least;
}

std::optional<std::string> payload_of(std::string_view cell, std::uint64_t payload, std::size_t usable,
                                      const PageSource& source) {
    const std::size_t local = local_bytes(payload, usable);
    if (payload > k_longest_row || cell.size() < local) return std::nullopt;
    std::string whole(cell.substr(0, local));
    if (payload == local) return whole;
    if (cell.size() < local + 4) return std::nullopt;
    std::uint32_t next = big(cell, local);
    while (whole.size() < payload) {
        const auto page = next == 0 ? std::nullopt : source(next);
        if (!page || page->size() != usable) return std::nullopt;
        next = big(*page, 0);
        whole += page->substr(4, std::min<std::uint64_t>(usable - 4, payload - whole.size()));
    }
    return next == 0 ? std::optional(std::move(whole)) : std::nullopt;
}

std::int64_t signed_big(std::string_view bytes) {
    std::uint64_t n = at(bytes, 0) >= 0x80 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) n = n << 8 | at(bytes, i);
    return static_cast<std::int64_t>(n);
}

// One value of a record, taken off the front of `body`.
std::optional<LeafValue> take_value(std::uint64_t serial, std::string_view& body) {
    constexpr std::size_t k_lengths[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    if (serial == 10 || serial == 11) return std::nullopt;
    const std::uint64_t length = serial < 10 ? k_lengths[serial] : (serial - 12) / 2;
    if (length > body.size()) return std::nullopt;
    const std::string_view bytes = body.substr(0, static_cast<std::size_t>(length));
    body.remove_prefix(bytes.size());
    using Type = LeafValue::Type;
    if (serial == 0) return LeafValue{};
    if (serial == 8 || serial == 9) return LeafValue{Type::integer, serial == 9 ? 1 : 0, {}};
    if (serial == 7) return LeafValue{Type::real, 0, std::string(bytes)};
    if (serial < 7) return LeafValue{Type::integer, signed_big(bytes), {}};
    return LeafValue{serial % 2 == 0 ? Type::blob : Type::text, 0, std::string(bytes)};
}

std::optional<std::vector<LeafValue>> values_of(std::string_view record) {
    std::string_view header = record;
    std::uint64_t header_bytes = 0;
    if (!take_varint(header, header_bytes) || header_bytes > record.size()) return std::nullopt;
    const std::size_t prefix = record.size() - header.size();
    if (header_bytes < prefix) return std::nullopt;
    header = record.substr(prefix, static_cast<std::size_t>(header_bytes) - prefix);
    std::string_view body = record.substr(static_cast<std::size_t>(header_bytes));
    std::vector<LeafValue> values;
    while (!header.empty()) {
        std::uint64_t serial = 0;
        if (!take_varint(header, serial) || values.size() == k_most_columns) return std::nullopt;
        auto value = take_value(serial, body);
        if (!value) return std::nullopt;
        values.push_back(std::move(*value));
    }
    return body.empty() ? std::optional(std::move(values)) : std::nullopt;
}

}  // namespace

LeafRows read_leaf(std::string_view page, const PageSource& source) {
    LeafRows found;
    if (page.size() < 512 || at(page, 0) != k_table_leaf) return found;
    const std::size_t cells = std::size_t{at(page, 3)} << 8 | at(page, 4);
    if (k_leaf_header + 2 * cells > page.size()) return found;
    for (std::size_t i = 0; i < cells; ++i) {
        const std::size_t pointer = k_leaf_header + 2 * i;
        const std::size_t start = std::size_t{at(page, pointer)} << 8 | at(page, pointer + 1);
        std::string_view cell = page.substr(std::min(start, page.size()));
        std::uint64_t payload = 0;
        std::uint64_t rowid = 0;
        if (take_varint(cell, payload) && take_varint(cell, rowid)) {
            const auto record = payload_of(cell, payload, page.size(), source);
            auto values = record ? values_of(*record) : std::nullopt;
            if (values) {
                found.rows.push_back({static_cast<std::int64_t>(rowid), std::move(*values)});
                continue;
            }
        }
        ++found.incomplete;
    }
    return found;
}

}  // namespace kvctl::store
