#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/report/notes.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

/// A store opened for an inspecting command, with the rules that apply to it.
struct OpenedStore {
    std::unique_ptr<store::Store> store;
    store::StoreHead head;
    mvcc::CompactionRules rules;
    store::RuleChoice choice;  ///< how the rules came about
};

/// Opens it; rules as rules_of() has them.
[[nodiscard]] OpenedStore open_for_reading(const std::string& path, const store::OpenOptions& open,
                                           const std::optional<mvcc::CompactionRules>& rules);

/// Adds what every command tells: a compaction that was cut short or marked by a restore, and what the file
/// itself shows (Store::notices).
void note_head(store::Store& store, const store::StoreHead& head, report::Notes& notes);

/// The index of the whole store, or of one key without a scan where the layout allows. Findings and what
/// every command tells go to `notes`. Throws `damaged` for a row that cannot be read, unless it is known to
/// stand above `at`: the answer might be older than it.
[[nodiscard]] mvcc::TreeIndex load_keys(OpenedStore& opened, const std::optional<std::string>& key,
                                        Progress* progress, report::Notes& notes,
                                        std::optional<MainRevision> at = std::nullopt);

/// Adds a line with both outcomes where the release that wrote the store does not decide about a tombstone
/// exactly at `at`.
void note_open_choice(const OpenedStore& opened, const mvcc::TreeIndex& index, MainRevision at,
                      report::Notes& notes);

/// Adds a finding for each live revision that the plan, being etcd's own, would delete.
void note_lost_revisions(const mvcc::CompactionPlan& plan, report::Notes& notes);

/// Fetches records of the store by revision; one that has gone since the index was built is a `damaged`
/// Error.
[[nodiscard]] report::RecordReader record_reader(OpenedStore& opened);

/// Throws future_revision when `at` is above the current revision, naming both and the store.
void refuse_future(const OpenedStore& opened, MainRevision at);
/// Throws compacted when a read at `at` is below the compact revision (or the one a pending compaction has
/// scheduled).
void refuse_compacted(const OpenedStore& opened, MainRevision at);

}  // namespace kvctl::jobs
