#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvctl/base/strong.hpp"

namespace kvctl::store {

/// What a member of a cluster is, or was; the numbers stand in native stores and never change.
enum class Standing : std::int64_t { removed = -1, learner = 0, voter = 1 };

/// The cluster that a store comes from, as far as it says.
struct Cluster {
    std::map<std::uint64_t, Standing> members;
    LogIndex members_at;                      ///< what entries of the log up to it changed is in them
    std::optional<std::uint64_t> cluster_id;  ///< known from a log alone
};

/// The rows of table `meta` by which a native store remembers members: `member_<id in hex>`, a Standing, and
/// `members_index`. None without members.
[[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> member_rows(const Cluster& cluster);
/// The id in such a name.
[[nodiscard]] std::optional<std::uint64_t> id_of_member_row(std::string_view name) noexcept;

}  // namespace kvctl::store
