#pragma once
#include <string>

#include "kvctl/raft/request.hpp"

namespace kvctl::report {

/// A few words for people on what an entry asks for: keys (escaped), revisions, lease ids; never a value or a
/// password. Empty when there is nothing to add to the kind's name.
[[nodiscard]] std::string describe_request(const raft::EntryView& entry);

}  // namespace kvctl::report
