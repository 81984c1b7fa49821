#include "kvctl/mvcc/revision.hpp"

#include "kvctl/base/format.hpp"

namespace kvctl::mvcc {
namespace {

void put_be64(char* out, std::int64_t value) noexcept {
    auto v = static_cast<std::uint64_t>(value);
    for (int i = 7; i >= 0; --i, v >>= 8) out[i] = static_cast<char>(v & 0xFF);
}

std::int64_t get_be64(const char* in) noexcept {
    std::uint64_t v = 0;
    for (int i = 0; i < 8; ++i) v = (v << 8) | static_cast<unsigned char>(in[i]);
    return static_cast<std::int64_t>(v);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Revision& revision) {
    return out << revision.main << '.' << revision.sub;
}

std::string to_string(const Revision& revision) {
    return fmt::format("{}.{}", revision.main, revision.sub);
}

EncodedRevision::EncodedRevision(Revision revision, bool tombstone) noexcept
    : bytes_{}, size_(tombstone ? 18 : 17) {
    put_be64(bytes_.data(), revision.main);
    bytes_[8] = '_';
    put_be64(bytes_.data() + 9, revision.sub);
    bytes_[17] = 't';
}

std::optional<DecodedRevision> decode_revision(std::string_view bytes) noexcept {
    if (bytes.size() != 17 && bytes.size() != 18) return std::nullopt;
    if (bytes[8] != '_' || (bytes.size() == 18 && bytes[17] != 't')) return std::nullopt;
    const DecodedRevision d{{get_be64(bytes.data()), get_be64(bytes.data() + 9)}, bytes.size() == 18};
    if (d.revision.main < 0 || d.revision.sub < 0) return std::nullopt;
    return d;
}

}  // namespace kvctl::mvcc
