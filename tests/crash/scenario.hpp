#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/disk.hpp"

namespace kvctl::crash {

/// One run of the program on one store: the files before it, and the arguments behind the program's name.
/// "STORE", "OUT", "BACKUP" and "LOG" in them stand for paths in the folder.
struct Scenario {
    std::string name;
    Files start;
    std::vector<std::string> args;
    bool in_batches = false;        ///< may stop between two batches
    bool to_output = false;         ///< the store is only read, "out.db" is made
    std::set<std::string> steps{};  ///< digests of the only states it may stop at; empty: see in_batches
};

inline constexpr const char* k_store = "s.db";
inline constexpr const char* k_output = "out.db";
inline constexpr const char* k_backup = "back.db";
inline constexpr const char* k_log = "log.jsonl";

/// Both layouts, both journals, with and without a left-over -wal or -journal, every way of executing.
[[nodiscard]] std::vector<Scenario> scenarios();

/// Those of replay and of bbolt files, on an empty native store in either journal mode.
void add_log_scenarios(const Files& rollback, const Files& wal, std::vector<Scenario>& all);

/// Those of a dqlite directory whose database is the kine store of `rollback`.
void add_dqlite_scenarios(const Files& rollback, std::vector<Scenario>& all);

/// What stands behind the program's name, with paths in `folder`.
[[nodiscard]] std::vector<std::string> arguments(const Scenario& scenario, const std::string& folder);

/// Runs it in `folder`, in this process. What it printed goes to `printed`; the exit code comes back.
int run(const Scenario& scenario, const std::string& folder, std::string& printed);

/// What a store holds, whatever its pages look like. Reading rolls back or recovers what SQLite would.
struct State {
    std::string fault;              ///< not empty: SQLite finds it damaged, or it cannot be opened
    std::string digest;             ///< of the schema and of all rows of all tables
    std::vector<std::string> rows;  ///< of the revisions alone, sorted

    friend bool operator==(const State& a, const State& b) {
        return a.fault == b.fault && a.digest == b.digest;
    }
};
[[nodiscard]] State read_state(const std::string& path);

/// True when `now` lies between the two: it holds all rows of `after`, none that `before` has not, and is
/// whole.
[[nodiscard]] bool between(const State& before, const State& now, const State& after);

/// Whether a run of the scenario may stop at `now`, for the next one to go on from.
[[nodiscard]] bool resumable(const Scenario& scenario, const State& before, const State& now,
                             const State& after);

/// Runs SQL on a store, unwatched.
void run_sql(const std::string& path, const std::string& sql);

/// The first file beside the store that a run should have taken away; empty: none. `done`: the run found
/// nothing to do and only read, so that what SQLite's own recovery would remove stays.
[[nodiscard]] std::string litter(Files left, const Scenario& scenario, bool done);

}  // namespace kvctl::crash
