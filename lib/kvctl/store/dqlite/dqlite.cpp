#include "kvctl/store/dqlite/dqlite.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/dqlite/log.hpp"
#include "kvctl/store/check.hpp"
#include "kvctl/store/dqlite/new_folder.hpp"
#include "kvctl/store/holders.hpp"
#include "kvctl/store/locate.hpp"

namespace kvctl::store {
namespace {

constexpr const char* k_lock_name = "dqlite-lock";

// The names of a directory's databases, for messages.
std::string names_of(const dqlite::State& state) {
    std::string names;
    for (const dqlite::Image& d : state.databases) names += (names.empty() ? "" : ", ") + escape(d.name());
    return names.empty() ? "none" : names;
}

struct Candidate {
    std::size_t database;
    StoreInfo info;
    Connection connection;
    TableInfo kine;
};

}  // namespace

DqliteStore::DqliteStore(std::unique_ptr<dqlite::State> state, std::size_t database, StoreInfo info,
                         Connection connection, TableInfo kine, int timeout_ms)
    : KineStore(std::move(info), std::move(connection), std::move(kine), timeout_ms),
      state_(std::move(state)),
      database_(database) {
    info_.layout = Layout::dqlite;
    info_.locked_for_life = true;
}

void DqliteStore::check(const CheckRequest& request, CheckResult& result, FindingLog& log) {
    for (const Finding& f : state_->findings) log.add(f);
    if (state_->tail_may_be_uncommitted()) log.add(dqlite::uncommitted_tail(state_->configuration));
    if (state_->waiting_pages > 0) {
        log.add({Finding::Severity::info, "waiting-pages", "raft log",
                 fmt::format("{} pages belong to a transaction whose end is not in the log",
                             state_->waiting_pages)});
    }
    KineStore::check(request, result, log);
}

void DqliteStore::check_executable(Findings& /*findings*/) {
    refuse_dqlite_in_place(info().path);
}

Findings DqliteStore::notices() {
    Findings all = state_->findings;
    std::erase_if(all, [](const Finding& f) { return f.severity == Finding::Severity::info; });
    return all;
}

Findings DqliteStore::structure_faults(Progress* /*progress*/) {
    if (state_->complete) return {};
    return {
        {Finding::Severity::error, "log-cut", "raft log",
         fmt::format("its entries can only be applied up to index {}, and more follow; {} tells where it is "
                     "damaged, {} takes the state at that entry, and {} also what can be read behind it",
                     state_->applied, command_on(info().path, "check"),
                     command_on(info().path, fmt::format("import --raft-index {} -o NEW", state_->applied)),
                     command_on(info().path, "import --salvage -o NEW"))}};
}

std::optional<DqliteFacts> DqliteStore::dqlite_facts() {
    const dqlite::State& s = *state_;
    DqliteFacts facts;
    facts.database = database();
    for (const dqlite::Image& d : s.databases) facts.databases.push_back(d.name());
    if (s.folder.metadata) {
        facts.term = s.folder.metadata->term.value();
        facts.voted_for = s.folder.metadata->voted_for;
    }
    for (const dqlite::Member& m : s.configuration)
        facts.members.push_back({m.id, m.address, std::string(name_of(m.role))});
    facts.configuration_index = s.configuration_index.value();
    for (const dqlite::SnapshotFile& f : s.folder.snapshots) {
        const bool used = s.snapshot && s.snapshot->name == f.name;
        facts.snapshots.push_back({f.name, f.term.value(), f.index.value(), f.bytes, used});
        facts.bytes.snapshots += f.bytes;
    }
    facts.snapshot_unpacked_bytes = s.snapshot_unpacked_bytes;
    facts.first_index = s.first_index.value();
    facts.last_index = s.last_index.value();
    facts.applied = s.applied.value();
    facts.tail_may_be_uncommitted = s.tail_may_be_uncommitted();
    for (const auto& f : s.folder.closed) facts.bytes.closed += f.bytes;
    for (const auto& f : s.folder.open) facts.bytes.open += f.bytes;
    for (const auto& f : s.folder.set_aside) facts.bytes.set_aside += f.bytes;
    for (const auto& f : s.folder.others) facts.bytes.others += f.bytes;
    return facts;
}

void DqliteStore::check_member_change(const MemberChange& change) {
    if (!change.itself) check_new_folder(*state_, database(), change.voter);
}

std::vector<std::string> DqliteStore::member_notes(const MemberChange& change) {
    std::vector<std::string> notes;
    const dqlite::Configuration& members = state_->configuration;
    if (change.voter) {
        notes.push_back(
            fmt::format("member {} will be the only one: put the directory on it alone, and let the others "
                        "join anew with empty directories (microk8s add-node)",
                        *change.voter));
    } else if (members.size() > 1) {
        std::string ids;
        for (const dqlite::Member& m : members)
            ids += fmt::format("{}{} ({})", ids.empty() ? "" : ", ", m.id, escape(m.address));
        notes.push_back(
            fmt::format("put the new directory on every member, all stopped, or they diverge without a word: "
                        "{}; or write --voter ID, and let the others join anew",
                        ids));
    }
    if (state_->tail_may_be_uncommitted()) {
        notes.emplace_back(
            "with several voters the last entries of the log may not be committed: begin with the member "
            "whose raft log reaches farthest ('kvctl status' on each tells)");
    }
    for (std::string& note : yaml_notes(*state_, change.voter)) notes.push_back(std::move(note));
    return notes;
}

void refuse_dqlite_in_place(const std::string& path) {
    throw Error(ErrorKind::read_only_layout,
                path +
                    ": a dqlite directory is never written in place; -o NEWDIR makes a compacted one to "
                    "put in its place (kvctl-dqlite(7))");
}

std::unique_ptr<DqliteStore> open_dqlite(const std::string& path, const OpenOptions& options) {
    return open_state(dqlite::read_state(locate_store(path), options.raft_index), path, options);
}

std::unique_ptr<DqliteStore> open_state(dqlite::State&& read, const std::string& path,
                                        const OpenOptions& options) {
    auto state = std::make_unique<dqlite::State>(std::move(read));
    std::optional<Candidate> chosen;
    bool several = false;
    for (std::size_t i = 0; i < state->databases.size(); ++i) {
        dqlite::Image& image = state->databases[i];
        if (image.pages() == 0 || (options.member && image.name() != *options.member)) continue;
        image.set_wal_mode(true);  // read without locks, and nothing made beside it
        StoreInfo info = inspect_file(path, image.path());
        Connection connection = open_for_reading(info, options.timeout_ms);
        std::optional<TableInfo> kine = KineStore::find_table(connection.db);
        if (!kine) continue;
        several = chosen.has_value();
        if (several) break;
        chosen.emplace(Candidate{i, std::move(info), std::move(connection), *std::move(kine)});
    }
    if (several)
        throw usage_error(
            fmt::format("{}: several databases with a table kine: {}; say which with --member NAME", path,
                        names_of(*state)));
    if (!chosen) {
        throw Error(ErrorKind::not_a_store,
                    fmt::format("{}: a dqlite directory, but {} a table kine (its databases: {})", path,
                                options.member ? fmt::format("database {} is not in it, or is without",
                                                             escape(*options.member))
                                               : "none of its databases has",
                                names_of(*state)));
    }
    return std::make_unique<DqliteStore>(std::move(state), chosen->database, std::move(chosen->info),
                                         std::move(chosen->connection), std::move(chosen->kine),
                                         options.timeout_ms);
}

DqliteLock::DqliteLock(const std::string& path, int timeout_ms) {
    const std::string lock = path + "/" + k_lock_name;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    fd_ = Fd(::open(lock.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // whatever has that name
    const bool locks = fd_.get() >= 0;
    if (!locks && errno != ENOENT) throw io_error(lock, "cannot open", errno);
    for (;;) {
        const bool locked = locks && ::flock(fd_.get(), LOCK_SH | LOCK_NB) != 0;
        if (locked && errno != EWOULDBLOCK && errno != EINTR) throw io_error(lock, "cannot lock", errno);
        // An older dqlite takes no lock, whoever left the file, but has the segment open that it writes to.
        if (!locked && segment_writers(path).empty()) return;
        if (std::chrono::steady_clock::now() >= deadline)
            throw Error(ErrorKind::in_use, node_runs_on(path, nodes_on(path)));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        check_interrupt();
    }
}

}  // namespace kvctl::store
