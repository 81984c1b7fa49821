#pragma once
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/finding.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/revision.hpp"

// What is refused in more than one place is said in one way. `asked` names the file, where there is one, and
// the revision as it was given: "db: --rev 12", "revision 12".
namespace kvctl::mvcc {

/// etcd's words, with the current revision.
[[nodiscard]] Error future_revision(const std::string& asked, MainRevision current);
/// etcd's words, with the compact revision.
[[nodiscard]] Error compacted_revision(const std::string& asked, MainRevision compacted);

/// A live revision that a compaction by etcd's own rule deletes (etcd.md 2.4), and the refusal to carry that
/// compaction, to `at`, out.
[[nodiscard]] Finding lost_live_finding(Revision revision);
[[nodiscard]] Error lost_live_error(const std::string& path, Revision revision, MainRevision at);

/// "revision 5.0"
[[nodiscard]] std::string revision_text(Revision revision);

}  // namespace kvctl::mvcc
