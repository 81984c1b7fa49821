#include "kvctl/dqlite/state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/dqlite/command.hpp"
#include "kvctl/dqlite/log.hpp"
#include "kvctl/dqlite/mapped.hpp"
#include "kvctl/dqlite/snapshot.hpp"

namespace kvctl::dqlite {
namespace {

// Applies commands to databases: pages of a transaction that is not at its end wait.
class Applier {
  public:
    Applier(State& state) : state_(state) {}

    void apply(const LogEntry& e) {
        if (e.type != EntryType::command) return;
        const std::optional<Command> command = decode_command(e.data);
        if (!command) fail(e, "its command cannot be read");
        if (const auto* const frames = std::get_if<Frames>(&*command)) {
            add(*frames, e);
        } else if (std::holds_alternative<Undo>(*command)) {
            waiting_.clear();
        } else if (const auto* const open = std::get_if<Open>(&*command)) {
            (void)database(open->database);
        }
    }
    // What was applied of a file, while the file is there.
    void flush() {
        for (Image& d : state_.databases) d.flush();
    }
    [[nodiscard]] std::uint64_t waiting() const noexcept { return waiting_.size(); }

  private:
    struct Page {
        std::string database;
        std::uint64_t number;
        std::string content;
    };
    [[noreturn]] void fail(const LogEntry& e, const std::string& what) const {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: entry {}: {}", state_.folder.file(std::string(e.file)), e.index, what));
    }
    Image& database(std::string_view name) {
        for (Image& d : state_.databases) {
            if (d.name() == name) return d;
        }
        return state_.databases.emplace_back(std::string(name));
    }
    void add(const Frames& f, const LogEntry& e) {
        if (!f.commit) {
            for (std::uint32_t i = 0; i < f.pages; ++i)
                waiting_.push_back({std::string(f.database), f.number(i), std::string(f.content(i))});
            return;
        }
        for (const Page& p : waiting_) database(p.database).expect(waiting_.size() + f.pages);
        database(f.database).expect(waiting_.size() + f.pages);
        for (const Page& p : waiting_) {
            // The copy does not live as long: behind what waits to be written already.
            Image& image = database(p.database);
            image.flush();
            if (!image.write(p.number, p.content)) fail(e, fmt::format("a page {} that cannot be", p.number));
        }
        waiting_.clear();
        Image& image = database(f.database);
        for (std::uint32_t i = 0; i < f.pages; ++i) {
            if (!image.put(f.number(i), f.content(i)))
                fail(e, fmt::format("a page {} that cannot be", f.number(i)));
        }
        if (!image.commit())
            fail(e, fmt::format("database {} lacks pages that its header counts", escape(image.name())));
    }
    State& state_;
    std::vector<Page> waiting_;
};

// The snapshots that have both their files and data, newest first.
std::vector<SnapshotFile> usable(const Folder& folder, std::optional<LogIndex> upto) {
    std::vector<SnapshotFile> all;
    std::copy_if(folder.snapshots.rbegin(), folder.snapshots.rend(), std::back_inserter(all),
                 [&](const SnapshotFile& s) {
                     return s.has_meta && s.bytes > 0 && s.index.value() <= k_largest_number &&
                            (!upto || s.index <= *upto);
                 });
    return all;
}

void note(State& state, Finding::Severity severity, const char* code, const std::string& where,
          std::string what) {
    state.findings.push_back({severity, code, where, std::move(what)});
}

// A snapshot's data into the state; throws damaged.
void take_content(State& state, const SnapshotFile& s) {
    SnapshotContent content = read_snapshot(state.folder, s);
    state.snapshot = s;
    state.snapshot_compressed = content.compressed;
    state.snapshot_unpacked_bytes = content.unpacked_bytes;
    state.databases.clear();
    for (Image& d : content.databases) state.databases.push_back(std::move(d));
    state.applied = state.last_index = s.index;
}

// Both its files; throws damaged.
void take_snapshot(State& state, const SnapshotFile& s) {
    const Mapped description(state.folder, s.name + ".meta");
    SnapshotMetaResult meta = decode_snapshot_meta(description.bytes());
    if (!meta.meta)
        throw Error(ErrorKind::damaged, fmt::format("{}.meta: {}", state.folder.file(s.name), meta.fault));
    take_content(state, s);
    state.configuration = std::move(meta.meta->configuration);
    state.configuration_index = meta.meta->configuration_index;
}

// The log from its first entry on disk: those behind the snapshot are applied, up to `upto`.
void apply_log(State& state, const Folder& folder, const LogPlan& plan, std::optional<LogIndex> upto) {
    Applier applier(state);
    std::uint64_t seen = 0;
    const LogEnd end = read_log(
        folder, plan,
        [&](const LogEntry& e) {
            if ((++seen & 0xFF) == 0) check_interrupt();
            if (state.first_index.value() == 0) state.first_index = e.index;
            state.last_index = std::max(state.last_index, e.index);
            state.term = std::max(state.term, e.term);
            if (e.type == EntryType::configuration) {
                auto members = decode_configuration(e.data);
                if (!members) {
                    note(state, Finding::Severity::error, "configuration", std::string(e.file),
                         fmt::format("entry {}: its configuration cannot be read", e.index));
                } else if (e.index >= state.configuration_index) {
                    state.configuration = std::move(*members);
                    state.configuration_index = e.index;
                }
            }
            if (e.index <= state.applied || (upto && e.index > *upto)) return true;
            applier.apply(e);
            state.applied = e.index;
            return true;
        },
        state.findings, [&] { applier.flush(); });
    state.waiting_pages = applier.waiting();
    if (!end.complete && (!upto || state.applied < *upto)) {
        state.complete = false;
        note(state, Finding::Severity::error, "log-cut", "",
             fmt::format("the state is as of entry {}; what the log holds behind it is not in it",
                         state.applied));
    }
}

// Whether the log takes up where a snapshot ends; else it says why not.
std::string why_not(const Folder& folder, const LogPlan& plan, LogIndex snapshot) {
    const std::string gap = gap_after(plan, snapshot);
    return gap.empty() ? gap : gap + " in " + folder.path;
}

// The folder without the segments behind a gap in the log that follows a snapshot.
Folder before_gap(const Folder& folder, LogIndex snapshot) {
    Folder before = folder;
    if (gap_after(plan_log(folder, snapshot), snapshot).empty()) return before;
    before.open.clear();
    before.closed.clear();
    LogIndex next(snapshot.value() + 1);
    for (const ClosedSegment& s : folder.closed) {
        if (s.last < next) continue;
        if (s.first > next) break;
        before.closed.push_back(s);
        next = LogIndex(s.last.value() + 1);
    }
    return before;
}

LogIndex last_before_gap(const Folder& before, LogIndex snapshot) {
    return before.closed.empty() ? snapshot : before.closed.back().last;
}

// The state with nothing in it yet.
State start_on(const Folder& folder) {
    State state;
    state.folder = folder;
    state.findings = state.folder.findings;
    if (state.folder.metadata) state.term = state.folder.metadata->term;
    for (const SnapshotFile& s : state.folder.snapshots) {
        state.term = std::max(state.term, s.term);
        if (!s.has_meta || s.bytes == 0)
            note(state, Finding::Severity::warning, "snapshot", s.name,
                 "it is not whole (a node was killed while it made it); dqlite removes it");
    }
    return state;
}

State attempt_on(const Folder& folder, std::optional<LogIndex> upto) {
    State state = start_on(folder);
    std::string first_fault;
    if (const Finding* const f = folder.implausible()) first_fault = f->where + ": " + f->what;
    std::vector<SnapshotFile> candidates = usable(state.folder, upto);
    for (const SnapshotFile& s : candidates) {
        LogPlan plan = plan_log(state.folder, s.index);
        std::string fault = why_not(state.folder, plan, s.index);
        Folder log = state.folder;
        if (!fault.empty()) {
            log = before_gap(folder, s.index);
            const LogIndex last = last_before_gap(log, s.index);
            if (upto && *upto <= last) {
                plan = plan_log(log, s.index);
                fault.clear();
            } else {
                fault += fmt::format("; --raft-index {} takes the state before the gap", last);
            }
        }
        try {
            if (fault.empty()) take_snapshot(state, s);
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
            fault = e.what();
        }
        if (fault.empty()) {
            if (!first_fault.empty()) {
                const SnapshotFile& newest = candidates.front();
                note(state, Finding::Severity::error, "snapshot", newest.name,
                     fmt::format("{0}; the older {1} and the log give everything: move {2} and {2}.meta out "
                                 "of the folder, and dqlite starts",
                                 first_fault, s.name, newest.name));
            }
            tell_left_out(state.folder, plan, s.index, state.findings);
            apply_log(state, log, plan, upto);
            return state;
        }
        if (first_fault.empty()) first_fault = fault;
    }
    if (candidates.empty() && upto && !usable(state.folder, std::nullopt).empty())
        return state;  // before the oldest
    const LogPlan plan = plan_log(state.folder, LogIndex(0));
    const std::string fault = why_not(state.folder, plan, LogIndex(0));
    if (!first_fault.empty() || !fault.empty()) {
        throw Error(
            ErrorKind::damaged,
            fmt::format("{}: {}; where other members are whole let this one join anew with an empty "
                        "directory, else {} lists what can be read of the log and {} takes the rows in it",
                        folder.path, first_fault.empty() ? fault : first_fault,
                        command_on(folder.path, "raft"), command_on(folder.path, "import --salvage -o NEW")));
    }
    tell_left_out(state.folder, plan, LogIndex(0), state.findings);
    apply_log(state, state.folder, plan, upto);
    return state;
}

State attempt(const std::string& path, std::optional<LogIndex> upto) {
    const Folder folder = list_folder(path);
    try {
        return attempt_on(folder, upto);
    } catch (const Error& e) {
        // What does not go together may be of two moments.
        if (e.kind() == ErrorKind::damaged && !unchanged(folder)) throw Vanished{"a file"};
        throw;
    }
}

// One snapshot and the entries that follow it without a gap; throws damaged.
State salvaged_from(const Folder& folder, const SnapshotFile& s) {
    State state = start_on(folder);
    take_content(state, s);
    const Folder log = before_gap(folder, s.index);
    apply_log(state, log, plan_log(log, s.index), std::nullopt);
    if (log.closed.size() < folder.closed.size()) state.complete = false;
    return state;
}

}  // namespace

std::optional<State> salvage_state(const std::string& path) {
    const Folder folder = list_folder(path);
    for (auto s = folder.snapshots.rbegin(); s != folder.snapshots.rend(); ++s) {
        try {
            return salvaged_from(folder, *s);
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
        } catch (const Vanished& v) {
            throw Error(ErrorKind::busy,
                        fmt::format("{}: {} was removed while it was read; stop the node and run again", path,
                                    v.name));
        }
    }
    return std::nullopt;
}

State read_state(const std::string& path, std::optional<LogIndex> upto) {
    constexpr int k_attempts = 20;
    for (int i = 1;; ++i) {
        try {
            State state = attempt(path, upto);
            const std::vector<SnapshotFile> snapshots =
                upto ? usable(state.folder, std::nullopt) : std::vector<SnapshotFile>{};
            const bool before = !snapshots.empty() && *upto < snapshots.back().index;
            if (before || (upto && state.applied != *upto)) {
                throw Error(
                    ErrorKind::refused,
                    before
                        ? fmt::format("{}: raft index {} cannot be had: the oldest snapshot is of index {}",
                                      path, *upto, snapshots.back().index)
                        : fmt::format(
                              "{}: raft index {} cannot be had: the last entry that can be read is {}", path,
                              *upto, state.last_index));
            }
            return state;
        } catch (const Vanished& v) {
            check_interrupt();
            if (i == k_attempts)
                throw Error(ErrorKind::busy,
                            fmt::format("{}: {} was removed while it was read, as files were in {} attempts; "
                                        "try again when the node has less to do",
                                        path, v.name, k_attempts));
        }
    }
}

}  // namespace kvctl::dqlite
