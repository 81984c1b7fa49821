#include "kvctl/mvcc/refusals.hpp"

#include "kvctl/base/format.hpp"

namespace kvctl::mvcc {

Error future_revision(const std::string& asked, MainRevision current) {
    return {ErrorKind::future_revision,
            fmt::format("{}: required revision is a future revision; the store's current revision is {} (a "
                        "raft index or a key's version is another number)",
                        asked, current)};
}

Error compacted_revision(const std::string& asked, MainRevision compacted) {
    return {ErrorKind::compacted,
            fmt::format("{}: required revision has been compacted; the compact revision is {}", asked,
                        compacted)};
}

Finding lost_live_finding(Revision revision) {
    return {Finding::Severity::error, "lost-live-revision", revision_text(revision),
            "etcd's rule would delete it although it is live (one transaction deletes and puts its key); "
            "--tombstones classic keeps it",
            revision.main};
}

Error lost_live_error(const std::string& path, Revision revision, MainRevision at) {
    return {ErrorKind::refused,
            fmt::format("{}: etcd's keep-at-rev rule would delete the live {} in the compaction to revision "
                        "{}; --tombstones classic compacts without losing it",
                        path, revision_text(revision), at)};
}

std::string revision_text(Revision revision) {
    return fmt::format("revision {}.{}", revision.main, revision.sub);
}

}  // namespace kvctl::mvcc
