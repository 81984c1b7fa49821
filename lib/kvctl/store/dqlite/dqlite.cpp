#include "kvctl/store/dqlite/dqlite.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/check.hpp"

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
};

}  // namespace

DqliteStore::DqliteStore(std::unique_ptr<dqlite::State> state, std::size_t database, StoreInfo info,
                         Connection connection, int timeout_ms)
    : KineStore(std::move(info), std::move(connection), KineStore::find_table(connection.db), timeout_ms),
      state_(std::move(state)),
      database_(database) {
    info_.layout = Layout::dqlite;
}

void DqliteStore::check(const CheckRequest& request, CheckResult& result, FindingLog& log) {
    for (const Finding& f : state_->findings) log.add(f);
    if (state_->tail_may_be_uncommitted()) {
        log.add({Finding::Severity::info, "uncommitted-tail", "raft log",
                 "with " + std::to_string(dqlite::voters(state_->configuration)) +
                     " voters the last entries may not be committed: which ones are is nowhere on disk"});
    }
    if (state_->waiting_pages > 0) {
        log.add({Finding::Severity::info, "waiting-pages", "raft log",
                 std::to_string(state_->waiting_pages) +
                     " pages belong to a transaction whose end is not in the log"});
    }
    KineStore::check(request, result, log);
}

void DqliteStore::check_executable(Findings& /*findings*/) {
    throw Error(ErrorKind::read_only_layout, info().path +
                                                 ": a dqlite directory is never written in place; -o NEWDIR "
                                                 "makes a compacted one to put in its place");
}

std::unique_ptr<DqliteStore> open_dqlite(const std::string& path, const OpenOptions& options) {
    auto state = std::make_unique<dqlite::State>(dqlite::read_state(path, options.raft_index));
    std::optional<Candidate> chosen;
    bool several = false;
    for (std::size_t i = 0; i < state->databases.size(); ++i) {
        dqlite::Image& image = state->databases[i];
        if (image.pages() == 0 || (options.member && image.name() != *options.member)) continue;
        image.set_wal_mode(true);  // read without locks, and nothing made beside it
        StoreInfo info = inspect_file(path, image.path());
        Connection connection = open_for_reading(info, options.timeout_ms);
        if (!KineStore::find_table(connection.db)) continue;
        several = chosen.has_value();
        if (several) break;
        chosen.emplace(Candidate{i, std::move(info), std::move(connection)});
    }
    if (several)
        throw Error(ErrorKind::usage, path + ": several databases with a table kine: " + names_of(*state) +
                                          "; say which with --member NAME");
    if (!chosen) {
        throw Error(ErrorKind::not_a_store,
                    path + ": a dqlite directory, but " +
                        (options.member ? "database " + escape(*options.member) + " is not in it, or"
                                        : "none of its databases") +
                        " has no table kine (its databases: " + names_of(*state) + ")");
    }
    return std::make_unique<DqliteStore>(std::move(state), chosen->database, std::move(chosen->info),
                                         std::move(chosen->connection), options.timeout_ms);
}

DqliteLock::DqliteLock(const std::string& path, int timeout_ms) {
    const std::string lock = path + "/" + k_lock_name;
    fd_ = ::open(lock.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0 && errno == ENOENT) return;  // older than the lock, or copied without it
    if (fd_ < 0) throw io_error(lock, "cannot open", errno);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (::flock(fd_, LOCK_SH | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            const int error = errno;
            ::close(fd_);
            throw io_error(lock, "cannot lock", error);
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            const sqlite::Holders holders = sqlite::find_holders(lock, true);
            ::close(fd_);
            throw Error(ErrorKind::in_use,
                        path + ": a dqlite node runs on it: " + sqlite::describe(holders.open) +
                            "; stop it first (snap stop microk8s)");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        check_interrupt();
    }
}

DqliteLock::~DqliteLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace kvctl::store
