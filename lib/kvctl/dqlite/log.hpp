#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/dqlite/folder.hpp"
#include "kvctl/dqlite/segment.hpp"

namespace kvctl::dqlite {

/// A file of the folder vanished between listing and opening it: a running node renames and removes its
/// segments. Whoever catches it lists the folder anew.
struct Vanished {
    std::string name;
};

struct LogEntry {
    LogIndex index;
    Term term;
    EntryType type = EntryType::command;
    std::string_view data;  ///< valid during the call, and until the end of the file is told
    std::string_view file;  ///< the segment it stands in
};

/// The segments whose entries follow one another up to the newest: the longest such run of closed ones that
/// ends at the newest, then the open ones.
struct LogPlan {
    LogIndex snapshot;  ///< entries up to it are in the state already
    std::vector<ClosedSegment> closed;
    std::vector<ClosedSegment> left_out;  ///< closed, but behind a gap
    LogIndex first{1};  ///< index of the first entry of `closed`, or of the open ones where there are none
};
[[nodiscard]] LogPlan plan_log(const Folder& folder, LogIndex snapshot);

/// What dqlite says at its start when the plan's segments do not take up where `snapshot` ends; else empty.
[[nodiscard]] std::string gap_after(const LogPlan& plan, LogIndex snapshot);
/// What is wrong with the files of a log that begins behind `snapshot`, before any of them is read: missing
/// segments in dqlite's own words, and entries that its recovery moved away.
void tell_left_out(const Folder& folder, const LogPlan& plan, LogIndex snapshot, Findings& findings);
/// Of a log with several voters.
[[nodiscard]] Finding uncommitted_tail(const Configuration& configuration);

/// What reading came to.
struct LogEnd {
    LogIndex next;         ///< index behind the last entry that was read
    bool complete = true;  ///< false: damage ended it, and entries lie behind
};

/// Calls `f` for each entry of the plan in order until it returns false. Damage is a finding, and ends the
/// log there. `at_file_end` is called behind the last entry of each file, while the data of all its entries
/// is still there. Throws Vanished, io.
LogEnd read_log(const Folder& folder, const LogPlan& plan, const std::function<bool(const LogEntry&)>& f,
                Findings& findings, const std::function<void()>& at_file_end = {});

}  // namespace kvctl::dqlite
