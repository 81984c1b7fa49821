#include "kvctl/dqlite/metadata.hpp"

#include <algorithm>

#include "kvctl/dqlite/crc.hpp"
#include "kvctl/dqlite/words.hpp"

namespace kvctl::dqlite {
namespace {

constexpr std::uint64_t k_format = 1;
// Nobody has more; a count from a damaged file must not become a reservation.
constexpr std::uint64_t k_most_members = 4096;

}  // namespace

std::optional<Metadata> decode_metadata(std::string_view file) {
    if (file.size() != k_metadata_bytes || little<std::uint64_t>(file, 0) != k_format) return std::nullopt;
    const Metadata metadata{little<std::uint64_t>(file, 8), Term(little<std::uint64_t>(file, 16)),
                            little<std::uint64_t>(file, 24)};
    return metadata.version != 0 ? std::optional(metadata) : std::nullopt;
}

std::string encode(const Metadata& metadata) {
    std::string out;
    put_little(out, k_format);
    put_little(out, metadata.version);
    put_little(out, metadata.term.value());
    put_little(out, metadata.voted_for);
    return out;
}

std::string_view name_of(Role role) noexcept {
    switch (role) {
        case Role::standby:
            return "standby";
        case Role::voter:
            return "voter";
        case Role::spare:
            return "spare";
    }
    return "";
}

std::optional<Configuration> decode_configuration(std::string_view bytes) {
    Words words(bytes);
    if (words.take<std::uint8_t>() != k_format) return std::nullopt;
    const auto members = words.take<std::uint64_t>();
    if (members > k_most_members) return std::nullopt;
    Configuration all;
    for (std::uint64_t i = 0; i < members; ++i) {
        Member m;
        m.id = words.take<std::uint64_t>();
        m.address = words.text(false);
        const auto role = words.take<std::uint8_t>();
        if (words.failed() || role > static_cast<std::uint8_t>(Role::spare)) return std::nullopt;
        m.role = static_cast<Role>(role);
        all.push_back(std::move(m));
    }
    return words.failed() ? std::nullopt : std::optional(std::move(all));
}

std::string encode(const Configuration& configuration) {
    std::string out(1, static_cast<char>(k_format));
    put_little(out, static_cast<std::uint64_t>(configuration.size()));
    for (const Member& m : configuration) {
        put_little(out, m.id);
        out += m.address;
        out += '\0';
        out += static_cast<char>(m.role);
    }
    out.resize(padded(out.size()), '\0');
    return out;
}

std::size_t voters(const Configuration& configuration) noexcept {
    return static_cast<std::size_t>(std::count_if(configuration.begin(), configuration.end(),
                                                  [](const Member& m) { return m.role == Role::voter; }));
}

SnapshotMetaResult decode_snapshot_meta(std::string_view file) {
    Words words(file);
    const auto format = words.take<std::uint64_t>();
    const auto crc = words.take<std::uint64_t>();
    const std::size_t covered = words.at();
    const auto index = words.take<std::uint64_t>();
    const auto length = words.take<std::uint64_t>();
    const std::string_view configuration =
        words.bytes(static_cast<std::size_t>(std::min<std::uint64_t>(length, SIZE_MAX)));
    if (words.failed()) return {std::nullopt, "it is cut short"};
    if (format != k_format) return {std::nullopt, "its format is not 1"};
    if (crc32(file.substr(covered, words.at() - covered)) != crc)
        return {std::nullopt, "its checksum does not match"};
    auto members = decode_configuration(configuration);
    if (!members) return {std::nullopt, "its configuration cannot be read"};
    return {SnapshotMeta{LogIndex(index), std::move(*members)}, {}};
}

std::string encode(const SnapshotMeta& meta) {
    const std::string configuration = encode(meta.configuration);
    std::string covered;
    put_little(covered, meta.configuration_index.value());
    put_little(covered, static_cast<std::uint64_t>(configuration.size()));
    covered += configuration;
    std::string out;
    put_little(out, k_format);
    put_little(out, static_cast<std::uint64_t>(crc32(covered)));
    return out + covered;
}

}  // namespace kvctl::dqlite
