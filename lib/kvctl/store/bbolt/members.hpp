#pragma once
#include <cstddef>

#include "kvctl/store/bbolt/bbolt.hpp"

namespace kvctl::store {

/// How many members the cluster has that a db is of, by its bucket "members"; learners count.
[[nodiscard]] std::size_t member_count(const BboltStore& store);

/// Whether a NOSPACE alarm is on.
[[nodiscard]] bool has_nospace_alarm(const BboltStore& store);

/// What an operator says about the other members.
struct MemberRules {
    bool in_place = false;     ///< the member itself changes, not a copy
    bool compacts = false;     ///< its compact revision moves
    bool all_members = false;  ///< all are stopped and get the same revision
    bool disarm = false;
};

/// Throws refused where a cluster of `members` would not survive it: members compacted to different revisions
/// answer transactions that read an old revision differently and diverge for ever; so do members one of
/// which has an alarm less than the others.
void check_members(const BboltStore& store, std::size_t members, const MemberRules& rules);

}  // namespace kvctl::store
