#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/target.hpp"

namespace kvctl::store {

struct TargetRequest {
    TargetKind to = TargetKind::native;
    std::string output;
    bool key_index = false;        ///< native: an index by key
    bool raft_table = false;       ///< native: with a table for a raft log
    bool renumber = false;         ///< kine: several keys of one revision get one each
    bool drop_old_values = false;  ///< kine from dqlite: old_value of what stays at or below the revision
};

/// What a writer has to know of where its records come from.
struct TargetSource {
    std::string path;              ///< for messages
    bool leases_are_ttls = false;  ///< a record's lease is a time to live already
    MainRevision current{0};
};

/// The writer that `request` asks for; leases and counters go in first.
[[nodiscard]] std::unique_ptr<Target> make_target(const TargetRequest& request, const TargetSource& source);
/// The same for what `conversion` hands out. Throws refused, before anything is written, where the layout
/// cannot hold it; `path` is the source's.
[[nodiscard]] std::unique_ptr<Target> make_target(const TargetRequest& request, const Conversion& conversion,
                                                  const std::string& path);

/// Throws refused where a layout cannot hold what a plan leaves of the store at `path`.
void check_target(const TargetRequest& request, const mvcc::TreeIndex& index,
                  const mvcc::CompactionPlan& plan, const std::string& path);

/// Bytes that a new store takes at the least for `rows` rows of `source` whose content takes `bytes`.
[[nodiscard]] std::uint64_t least_bytes(const Store& source, TargetKind to, std::uint64_t rows,
                                        std::uint64_t bytes) noexcept;

/// Whether an etcd db becomes an etcd db: then every bucket goes over as it is, not only rows and leases.
[[nodiscard]] bool keeps_buckets(const Store& store, TargetKind to) noexcept;

/// Whether the database of a dqlite directory becomes a kine store: then it is taken over as it is, with what
/// no conversion hands out (old values, pointers, indexes).
[[nodiscard]] bool keeps_database(const Store& store, TargetKind to) noexcept;
/// That database as a file of its own. Throws damaged where SQLite finds a fault in it.
void copy_database(Store& store, const std::string& output);

/// What a conversion came to. Revisions are the new store's; nullopt where they are the source's.
struct Converted {
    std::vector<std::string> warnings;
    Findings findings;
    std::optional<MainRevision> current{};
    std::optional<MainRevision> compacted{};
};

/// What a plan leaves of a store, as another layout. `plan` may be one that does nothing.
Converted convert_compacted(Store& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                            const TargetRequest& request, bool disarm, Progress* progress);

/// What convert_compacted() would say, from reading all that it would read; nothing is written. Throws as it
/// does for what cannot be taken over.
[[nodiscard]] Converted foretell_conversion(Store& store, const mvcc::TreeIndex& index,
                                            const mvcc::CompactionPlan& plan, const TargetRequest& request,
                                            Progress* progress);

/// An etcd db as it is, into a db or a snapshot, of another file or with a digest that it did not have.
void copy_buckets(Store& store, const TargetRequest& request, Progress* progress);

}  // namespace kvctl::store
