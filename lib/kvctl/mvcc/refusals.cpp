#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::mvcc {

Error future_revision(const std::string& asked, MainRevision current) {
    return {ErrorKind::future_revision,
            asked + ": required revision is a future revision; the store's current revision is " +
                std::to_string(current.value()) + " (a raft index or a key's version is another number)"};
}

Error compacted_revision(const std::string& asked, MainRevision compacted) {
    return {ErrorKind::compacted, asked + ": required revision has been compacted; the compact revision is " +
                                      std::to_string(compacted.value())};
}

Finding lost_live_finding(Revision revision) {
    return {Finding::Severity::error, "lost-live-revision", revision_text(revision),
            "etcd's rule would delete it although it is live (one transaction deletes and puts its key); "
            "--tombstones classic keeps it",
            revision.main};
}

Error lost_live_error(const std::string& path, Revision revision, MainRevision at) {
    return {ErrorKind::refused, path + ": etcd's keep-at-rev rule would delete the live " +
                                    revision_text(revision) + " in the compaction to revision " +
                                    std::to_string(at.value()) +
                                    "; --tombstones classic compacts without losing it"};
}

std::string revision_text(Revision revision) {
    return "revision " + std::to_string(revision.main) + "." + std::to_string(revision.sub);
}

}  // namespace kvctl::mvcc
