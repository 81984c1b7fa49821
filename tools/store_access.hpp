#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/mvcc/rules.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/store/store.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {

/// A store opened for an inspecting command, with the rules that apply to it.
struct OpenedStore {
    std::unique_ptr<store::Store> store;
    store::StoreHead head;
    mvcc::CompactionRules rules;
};

/// Opens by --layout and --timeout; rules by --tombstones and --etcd-version, kine's for a kine store (a
/// usage Error when either is given for one).
[[nodiscard]] OpenedStore open_for_command(const Parsed& parsed, const std::string& path);

/// The index of the whole store, or of one key without a scan where the layout allows. Findings and a
/// compaction that was cut short become warnings on stderr (in text, unless quiet).
[[nodiscard]] mvcc::TreeIndex load_keys(OpenedStore& opened, const std::optional<std::string>& key,
                                        Progress* progress, Io& io, const Output& output);

/// Throws future_revision when `at` is above the current revision, naming both and the store.
void refuse_future(const OpenedStore& opened, MainRevision at);
/// Throws compacted when a read at `at` is below the compact revision (or the one a pending compaction has
/// scheduled).
void refuse_compacted(const OpenedStore& opened, MainRevision at);

}  // namespace kvctl::cli
