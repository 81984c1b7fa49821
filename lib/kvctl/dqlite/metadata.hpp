#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/strong.hpp"

namespace kvctl::dqlite {

/// Files metadata1 (odd versions) and metadata2 (even ones): 32 bytes each, the higher version counts.
struct Metadata {
    std::uint64_t version = 0;
    Term term;
    std::uint64_t voted_for = 0;  ///< server id, 0: nobody in this term
    friend bool operator==(const Metadata&, const Metadata&) = default;
};
inline constexpr std::size_t k_metadata_bytes = 32;
/// nullopt when it is not 32 bytes, not of format 1, or of version 0.
[[nodiscard]] std::optional<Metadata> decode_metadata(std::string_view file);
[[nodiscard]] std::string encode(const Metadata& metadata);

enum class Role : std::uint8_t { standby = 0, voter = 1, spare = 2 };  // on disk: never change
[[nodiscard]] std::string_view name_of(Role role) noexcept;

struct Member {
    std::uint64_t id = 0;
    std::string address;
    Role role = Role::standby;
    friend bool operator==(const Member&, const Member&) = default;
};
/// The members of a cluster, as log entries of type 3 and snapshot descriptions hold them.
using Configuration = std::vector<Member>;
[[nodiscard]] std::optional<Configuration> decode_configuration(std::string_view bytes);
[[nodiscard]] std::string encode(const Configuration& configuration);
[[nodiscard]] std::size_t voters(const Configuration& configuration) noexcept;

/// A snapshot's .meta: the configuration in force, and the index of the entry that set it.
struct SnapshotMeta {
    LogIndex configuration_index;
    Configuration configuration;
    friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};
/// Or what is wrong with it.
struct SnapshotMetaResult {
    std::optional<SnapshotMeta> meta;
    std::string_view fault;
};
[[nodiscard]] SnapshotMetaResult decode_snapshot_meta(std::string_view file);
[[nodiscard]] std::string encode(const SnapshotMeta& meta);

}  // namespace kvctl::dqlite
