#include "kvctl/dqlite/state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/dqlite/command.hpp"
#include "kvctl/dqlite/log.hpp"
#include "kvctl/dqlite/mapped.hpp"
#include "kvctl/dqlite/snapshot.hpp"

namespace kvctl::dqlite {
namespace {

std::string number(std::uint64_t n) {
    return std::to_string(n);
}

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
        throw Error(ErrorKind::damaged, state_.folder.file(std::string(e.file)) + ": entry " +
                                            number(e.index.value()) + ": " + what);
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
            if (!image.write(p.number, p.content)) fail(e, "a page " + number(p.number) + " that cannot be");
        }
        waiting_.clear();
        Image& image = database(f.database);
        for (std::uint32_t i = 0; i < f.pages; ++i) {
            if (!image.put(f.number(i), f.content(i)))
                fail(e, "a page " + number(f.number(i)) + " that cannot be");
        }
        if (!image.commit())
            fail(e, "database " + escape(image.name()) + " lacks pages that its header counts");
    }
    State& state_;
    std::vector<Page> waiting_;
};

// The snapshots that have both their files and data, newest first.
std::vector<SnapshotFile> usable(const Folder& folder, std::optional<LogIndex> upto) {
    std::vector<SnapshotFile> all;
    std::copy_if(
        folder.snapshots.rbegin(), folder.snapshots.rend(), std::back_inserter(all),
        [&](const SnapshotFile& s) { return s.has_meta && s.bytes > 0 && (!upto || s.index <= *upto); });
    return all;
}

void note(State& state, Finding::Severity severity, const char* code, const std::string& where,
          std::string what) {
    state.findings.push_back({severity, code, where, std::move(what)});
}

// Both files of a snapshot into the state; throws damaged.
void take_snapshot(State& state, const SnapshotFile& s) {
    const Mapped description(state.folder, s.name + ".meta");
    SnapshotMetaResult meta = decode_snapshot_meta(description.bytes());
    if (!meta.meta)
        throw Error(ErrorKind::damaged, state.folder.file(s.name) + ".meta: " + std::string(meta.fault));
    SnapshotContent content = read_snapshot(state.folder, s);
    state.snapshot = s;
    state.snapshot_compressed = content.compressed;
    state.snapshot_unpacked_bytes = content.unpacked_bytes;
    state.databases.clear();
    for (Image& d : content.databases) state.databases.push_back(std::move(d));
    state.applied = state.last_index = s.index;
    state.configuration = std::move(meta.meta->configuration);
    state.configuration_index = meta.meta->configuration_index;
}

// The log from its first entry on disk: those behind the snapshot are applied, up to `upto`.
void apply_log(State& state, const LogPlan& plan, std::optional<LogIndex> upto) {
    Applier applier(state);
    std::uint64_t seen = 0;
    const LogEnd end = read_log(
        state.folder, plan,
        [&](const LogEntry& e) {
            if ((++seen & 0xFF) == 0) check_interrupt();
            if (state.first_index.value() == 0) state.first_index = e.index;
            state.last_index = std::max(state.last_index, e.index);
            state.term = std::max(state.term, e.term);
            if (e.type == EntryType::configuration) {
                auto members = decode_configuration(e.data);
                if (!members) {
                    note(state, Finding::Severity::error, "configuration", std::string(e.file),
                         "entry " + number(e.index.value()) + ": its configuration cannot be read");
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
             "the state is as of entry " + number(state.applied.value()) +
                 "; what the log holds behind it is not in it");
    }
}

// Whether the log takes up where a snapshot ends; else it says why not.
std::string why_not(const Folder& folder, const LogPlan& plan, LogIndex snapshot) {
    if (plan.closed.empty() || plan.first.value() <= snapshot.value() + 1) return {};
    return "closed segment " + plan.closed.front().name + " is past last snapshot " +
           (snapshot.value() == 0 ? std::string("(there is none)") : "index " + number(snapshot.value())) +
           ", as dqlite says at its start in " + folder.path;
}

std::string way_out() {
    return "; where other members are whole let this one join anew with an empty directory, else 'kvctl "
           "raft' lists "
           "what can be read of the log and 'kvctl import --salvage' takes the rows in it";
}

State attempt_on(const Folder& folder, std::optional<LogIndex> upto) {
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
    std::string first_fault;
    std::vector<SnapshotFile> candidates = usable(state.folder, upto);
    for (const SnapshotFile& s : candidates) {
        const LogPlan plan = plan_log(state.folder, s.index);
        std::string fault = why_not(state.folder, plan, s.index);
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
                     first_fault + "; the older " + s.name + " and the log give everything: move " +
                         newest.name + " and " + newest.name + ".meta out of the folder, and dqlite starts");
            }
            tell_left_out(state.folder, plan, s.index, state.findings);
            apply_log(state, plan, upto);
            return state;
        }
        if (first_fault.empty()) first_fault = fault;
    }
    if (candidates.empty() && upto && !usable(state.folder, std::nullopt).empty())
        return state;  // before the oldest
    const LogPlan plan = plan_log(state.folder, LogIndex(0));
    const std::string fault = why_not(state.folder, plan, LogIndex(0));
    if (!first_fault.empty() || !fault.empty())
        throw Error(ErrorKind::damaged,
                    folder.path + ": " + (first_fault.empty() ? fault : first_fault) + way_out());
    tell_left_out(state.folder, plan, LogIndex(0), state.findings);
    apply_log(state, plan, upto);
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

}  // namespace

State read_state(const std::string& path, std::optional<LogIndex> upto) {
    constexpr int k_attempts = 20;
    for (int i = 1;; ++i) {
        try {
            State state = attempt(path, upto);
            if (upto && state.applied != *upto) {
                const std::vector<SnapshotFile> snapshots = usable(state.folder, std::nullopt);
                const bool before = !snapshots.empty() && *upto < snapshots.back().index;
                throw Error(
                    ErrorKind::refused,
                    path + ": raft index " + number(upto->value()) + " cannot be had: " +
                        (before ? "the oldest snapshot is of index " + number(snapshots.back().index.value())
                                : "the last entry that can be read is " + number(state.last_index.value())));
            }
            return state;
        } catch (const Vanished& v) {
            check_interrupt();
            if (i == k_attempts)
                throw Error(ErrorKind::busy,
                            path + ": " + v.name + " was removed while it was read, as files were in " +
                                number(k_attempts) + " attempts; try again when the node has less to do");
        }
    }
}

}  // namespace kvctl::dqlite
