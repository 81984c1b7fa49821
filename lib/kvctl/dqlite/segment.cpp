#include "kvctl/dqlite/segment.hpp"

#include <algorithm>

#include "kvctl/dqlite/crc.hpp"
#include "kvctl/dqlite/words.hpp"

namespace kvctl::dqlite {
namespace {

constexpr std::size_t k_preamble = 16;      // two checksums and the count
constexpr std::size_t k_entry_header = 16;  // term, type, three unused, length
// More headers than fit into a segment of 8 MiB are a length gone wrong, not entries.
constexpr std::uint64_t k_most_entries = (8U << 20) / k_entry_header;

bool only_zeros(std::string_view bytes) {
    return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

std::string_view name_of(EntryType type) noexcept {
    switch (type) {
        case EntryType::command:
            return "command";
        case EntryType::barrier:
            return "barrier";
        case EntryType::configuration:
            return "configuration";
    }
    return "";
}

SegmentReader::SegmentReader(std::string_view file) : file_(file) {
    const std::uint64_t format = file.size() < 8 ? 0 : little<std::uint64_t>(file, 0);
    if (format == 1) {
        at_ = 8;
    } else if (only_zeros(file)) {
        unused_ = true;
        at_ = file.size();
    } else {
        at_ = file.size();
        fault_ = "its format is not 1";
    }
}

bool SegmentReader::fail(std::string fault) {
    fault_ = std::move(fault);
    return false;
}

bool SegmentReader::next() {
    entries_.clear();
    if (!fault_.empty() || at_ >= file_.size()) return false;
    const std::string_view rest = file_.substr(at_);
    if (rest.size() < k_preamble) return only_zeros(rest) ? false : fail("it ends inside a batch");
    const auto header_crc = little<std::uint32_t>(rest, 0);
    const auto data_crc = little<std::uint32_t>(rest, 4);
    const auto count = little<std::uint64_t>(rest, 8);
    if (count == 0)
        return header_crc == 0 && data_crc == 0 && only_zeros(rest) ? false : fail("a batch has no entries");
    if (count > k_most_entries || (rest.size() - k_preamble) / k_entry_header < count)
        return fail("the header of a batch is damaged");
    const std::size_t headers = k_preamble + static_cast<std::size_t>(count) * k_entry_header;
    if (crc32(rest.substr(8, headers - 8)) != header_crc)
        return fail("the checksum of a batch's header does not match");
    std::size_t data = headers;
    entries_.reserve(static_cast<std::size_t>(count));
    for (std::size_t h = k_preamble; h < headers; h += k_entry_header) {
        const auto type = little<std::uint8_t>(rest, h + 8);
        const std::size_t length = little<std::uint32_t>(rest, h + 12);
        if (type < 1 || type > 3) return fail("an entry has the unknown type " + std::to_string(type));
        if (length > rest.size() - data) return fail("it ends inside an entry");
        entries_.push_back(
            {Term(little<std::uint64_t>(rest, h)), static_cast<EntryType>(type), rest.substr(data, length)});
        data += std::min(padded(length), rest.size() - data);
    }
    if (crc32(rest.substr(headers, data - headers)) != data_crc) {
        entries_.clear();
        return fail("the checksum of a batch's data does not match");
    }
    at_ += data;
    return true;
}

std::size_t find_batch(std::string_view file, std::size_t from) {
    for (std::size_t at = padded(from); at + k_preamble < file.size(); at += 8) {
        const auto count = little<std::uint64_t>(file, at + 8);
        if (count == 0 || count > k_most_entries || (file.size() - at - k_preamble) / k_entry_header < count)
            continue;
        const std::size_t headers = 8 + static_cast<std::size_t>(count) * k_entry_header;
        if (crc32(file.substr(at + 8, headers)) == little<std::uint32_t>(file, at)) return at;
    }
    return std::string_view::npos;
}

}  // namespace kvctl::dqlite
