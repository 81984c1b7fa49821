#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/store.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/sizes.hpp"

namespace kvctl::cli {

/// A store opened for an inspecting command, with the rules that apply to it.
struct OpenedStore {
    std::unique_ptr<store::Store> store;
    store::StoreHead head;
    mvcc::CompactionRules rules;
    store::RuleChoice choice;  ///< how the rules came about
};

/// Opens by --layout and --timeout; rules by --tombstones and --etcd-version, else as store::choose_rules()
/// has them (a usage Error when either is given for a kine store).
[[nodiscard]] OpenedStore open_for_command(const Parsed& parsed, const std::string& path);

/// The same for the last operand of KEY STORE; a message about a missing file then tells those who took KEY
/// for the last.
[[nodiscard]] OpenedStore open_behind_key(const Parsed& parsed);

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

/// Writes a report in the format asked for, nothing when quiet; 0.
template <class Report>
int write_report(const Report& report, const Output& output, Io& io) {
    if (output.quiet) return 0;
    switch (output.format) {
        case Format::text:
            if constexpr (requires { write_text(io.out, report, report::TextStyle{}); }) {
                BoldFirstLine bold(io.out, output.color);
                write_text(bold.stream(), report, {output.raw_bytes, output.verbose, format_bytes});
            } else {
                write_text(io.out, report);
            }
            break;
        case Format::json:
            write_json(io.out, report);
            break;
        case Format::jsonl:
            write_jsonl(io.out, report);
            break;
    }
    return 0;
}

/// Throws future_revision when `at` is above the current revision, naming both and the store.
void refuse_future(const OpenedStore& opened, MainRevision at);
/// Throws compacted when a read at `at` is below the compact revision (or the one a pending compaction has
/// scheduled).
void refuse_compacted(const OpenedStore& opened, MainRevision at);

}  // namespace kvctl::cli
