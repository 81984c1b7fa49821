#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/base/progress.hpp"
#include "kvctl/bbolt/file.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"

namespace kvctl::store {

/// What of an etcd db is another when it is written anew (etcd.md 11.1). All else stays byte for byte.
struct RebuildChanges {
    const mvcc::TreeIndex* index = nullptr;      ///< what `plan` was made from
    const mvcc::CompactionPlan* plan = nullptr;  ///< nullptr, or one that does nothing: all rows stay
    bool disarm = false;                         ///< NOSPACE alarms go

    [[nodiscard]] bool compacts() const noexcept {
        return plan != nullptr && plan->kind == mvcc::CompactionPlan::Kind::compact;
    }
};

/// The size of the db written anew under a plan: exact. Reads the other buckets once; the rows are known
/// from the index.
class RebuildSize {
  public:
    RebuildSize(const BboltStore& store, const mvcc::TreeIndex& index);
    /// With the digest a snapshot has behind it.
    [[nodiscard]] std::uint64_t bytes(const mvcc::CompactionPlan& plan, bool disarm = false) const;

  private:
    struct Element {
        std::uint64_t key_bytes;
        std::uint64_t value_bytes;
        bool bucket;
        std::string name;  // of "key", "meta" and "alarm", whose sizes depend on what is asked
    };
    const BboltStore& store_;
    const mvcc::TreeIndex& index_;
    bool exact_ = true;  // no row is too long for the index to know its size
    std::vector<Element> root_;
    std::uint64_t pages_ = 0;  // below the root's elements, but for those
};

/// A db written anew.
struct Rebuilt {
    std::uint64_t bytes = 0;
    std::uint64_t content = 0;  ///< a hash of all that was to be in it
};

/// Writes the db anew through `fd`, an empty file at `path`. Nothing is synced. Throws damaged at a page that
/// cannot be read, and where other rows stayed than the plan keeps.
Rebuilt write_rebuilt(const BboltStore& store, const RebuildChanges& changes, int fd, const std::string& path,
                      Progress* progress);

/// Reads the file at `path` back and throws damaged unless its structure is whole and every key and value of
/// every bucket is what write_rebuilt() wrote.
void verify_rebuilt(const BboltStore& store, const Rebuilt& written, const std::string& path,
                    Progress* progress);

/// Appends the SHA-256 of a complete file of `bytes`, as a snapshot has it.
void append_digest(int fd, const std::string& path, std::uint64_t bytes);

}  // namespace kvctl::store
