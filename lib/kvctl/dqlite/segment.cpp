#include "kvctl/dqlite/segment.hpp"

#include <algorithm>

#include "kvctl/base/format.hpp"
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

SegmentReader::SegmentReader(std::string_view file, std::size_t at) : file_(file), at_(at) {}

bool SegmentReader::fail(std::string fault, bool cut_short) {
    fault_ = std::move(fault);
    cut_short_ = cut_short;
    return false;
}

bool SegmentReader::next() {
    entries_.clear();
    if (!fault_.empty() || at_ >= file_.size()) return false;
    const std::string_view rest = file_.substr(at_);
    if (rest.size() < k_preamble) return only_zeros(rest) ? false : fail("it ends inside a batch", true);
    const auto header_crc = little<std::uint32_t>(rest, 0);
    const auto data_crc = little<std::uint32_t>(rest, 4);
    const auto count = little<std::uint64_t>(rest, 8);
    if (count == 0)
        return header_crc == 0 && data_crc == 0 && only_zeros(rest) ? false : fail("a batch has no entries");
    if (count > k_most_entries) return fail("the number of a batch's entries cannot be");
    if ((rest.size() - k_preamble) / k_entry_header < count)
        return fail("it ends inside the header of a batch", true);
    const std::size_t headers = k_preamble + static_cast<std::size_t>(count) * k_entry_header;
    if (crc32(rest.substr(8, headers - 8)) != header_crc)
        return fail("the checksum of a batch's header does not match");
    std::size_t data = headers;
    entries_.reserve(static_cast<std::size_t>(count));
    for (std::size_t h = k_preamble; h < headers; h += k_entry_header) {
        const auto type = little<std::uint8_t>(rest, h + 8);
        const std::size_t length = little<std::uint32_t>(rest, h + 12);
        if (type < 1 || type > 3) return fail(fmt::format("an entry has the unknown type {}", type));
        if (length > rest.size() - data) return fail("it ends inside an entry", true);
        entries_.push_back(
            {Term(little<std::uint64_t>(rest, h)), static_cast<EntryType>(type), rest.substr(data, length)});
        data += std::min(padded(length), rest.size() - data);
    }
    if (crc32(rest.substr(headers, data - headers)) != data_crc) {
        entries_.clear();
        return fail("the checksum of a batch's data does not match");
    }
    at_ += data;
    ++batches_;
    return true;
}

namespace {

// Whether the headers of a batch can be what they say, looked at before a checksum is computed over them.
bool plausible(std::string_view headers, std::size_t data_bytes) {
    std::size_t wanted = 0;
    for (std::size_t h = 0; h < headers.size(); h += k_entry_header) {
        const auto type = little<std::uint8_t>(headers, h + 8);
        wanted += little<std::uint32_t>(headers, h + 12);
        if (type < 1 || type > 3 || wanted > data_bytes) return false;
    }
    return true;
}

}  // namespace

std::size_t find_batch(std::string_view file, std::size_t from) {
    // A hostile file could ask for a long checksum at every word.
    std::size_t budget = std::size_t{256} << 20;
    for (std::size_t at = padded(from); at + k_preamble < file.size(); at += 8) {
        const auto count = little<std::uint64_t>(file, at + 8);
        const std::size_t rest = file.size() - at - k_preamble;
        if (count == 0 || count > k_most_entries || rest / k_entry_header < count) continue;
        const std::size_t headers = static_cast<std::size_t>(count) * k_entry_header;
        // Words of a page look like counts; their first headers tell that they are none.
        if (!plausible(file.substr(at + k_preamble, headers), rest - headers)) continue;
        if (headers > budget) return std::string_view::npos;
        budget -= headers;
        if (crc32(file.substr(at + 8, 8 + headers)) == little<std::uint32_t>(file, at)) return at;
    }
    return std::string_view::npos;
}

}  // namespace kvctl::dqlite
