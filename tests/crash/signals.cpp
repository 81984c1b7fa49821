#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/crash/harness.hpp"
#include "tests/crash/scenario.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/temp_dir.hpp"

// Signals to the real binary at work on a larger store.
namespace kvctl::crash {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Ms = std::chrono::milliseconds;
using Us = std::chrono::microseconds;

constexpr int k_rows_killed = 20000;  // each is checked whole

struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
};

std::string query(const std::string& path, const std::string& sql) {
    sqlite3* handle = nullptr;
    const int rc = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix");
    const std::unique_ptr<sqlite3, Close> db(handle);
    std::string text;
    const auto collect = [](void* out, int n, char** values, char** /*names*/) {
        for (int i = 0; i < n; ++i)
            *static_cast<std::string*>(out) += std::string(values[i] != nullptr ? values[i] : "NULL") + "|";
        return 0;
    };
    if (rc != SQLITE_OK || sqlite3_exec(db.get(), sql.c_str(), collect, &text, nullptr) != SQLITE_OK)
        return std::string("error: ") + sqlite3_errmsg(db.get());
    return text;
}

void make_store(const std::string& path, bool wal, int rows) {
    const std::string made = query(
        path,
        std::string("PRAGMA journal_mode = ") + (wal ? "WAL" : "DELETE") +
            "; PRAGMA synchronous = OFF; PRAGMA application_id = 1802920820; PRAGMA user_version = 1; BEGIN;"
            "CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL,"
            " key BLOB NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL,"
            " lease INTEGER NOT NULL, value BLOB, PRIMARY KEY (main, sub));"
            "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);"
            "WITH RECURSIVE n(i) AS (VALUES (1000) UNION ALL SELECT i + 1 FROM n WHERE i < " +
            std::to_string(rows + 999) +
            ") INSERT INTO revision SELECT i, 0, 0, CAST('key' || (i % 1000) AS BLOB), i % 1000 + 1000,"
            " i / 1000, 0, zeroblob(300) FROM n; COMMIT;");
    if (made.starts_with("error")) throw std::runtime_error(made);
}

// Reading recovers what a kill left.
std::string state_of(const std::string& path) {
    return query(path,
                 "SELECT count(*), sum(main), sum(length(value)) FROM revision;"
                 "SELECT group_concat(name || '=' || value) FROM meta; PRAGMA integrity_check;");
}

struct Work {
    const char* name;
    std::vector<std::string> args;
    bool wal;
    bool in_batches;
    bool in_two_steps = false;  ///< the first may be done when the second is stopped
};

struct Bench {
    fs::path folder;
    std::string pristine;
    std::string store;
    std::string rev;
    Work work;
    std::string before;
    std::string after;
    Ms alone{};
    double slowness = 1;  // wall-clock time a second of its own work takes on this machine now

    void reset() const {
        for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path());
        fs::copy_file(pristine, store);
    }
    [[nodiscard]] std::vector<std::string> args() const {
        std::vector<std::string> all{"compact", "--rev", rev};
        all.insert(all.end(), work.args.begin(), work.args.end());
        all.push_back(store);
        return all;
    }
    void measure() {
        reset();
        before = state_of(store);
        rusage first{};
        ::getrusage(RUSAGE_CHILDREN, &first);
        const auto start = Clock::now();
        const test::Result r = test::run_binary(args());
        alone = std::chrono::duration_cast<Ms>(Clock::now() - start);
        rusage last{};
        ::getrusage(RUSAGE_CHILDREN, &last);
        if (r.code != 0) throw std::runtime_error(std::string(work.name) + ": " + r.err);
        const auto seconds = [](const timeval& a, const timeval& b) {
            return static_cast<double>(b.tv_sec - a.tv_sec) +
                   static_cast<double>(b.tv_usec - a.tv_usec) / 1e6;
        };
        const double used = seconds(first.ru_utime, last.ru_utime) + seconds(first.ru_stime, last.ru_stime);
        slowness = std::max(1.0, static_cast<double>(alone.count()) / 1000 / std::max(used, 0.01));
        after = state_of(store);
    }
    // Names beside the store that are not SQLite's own.
    [[nodiscard]] std::string litter() const {
        for (const auto& entry : fs::directory_iterator(folder)) {
            const std::string name = entry.path().filename().string();
            if (name != "s.db" && name != "s.db-wal" && name != "s.db-shm" && name != "s.db-journal")
                return name;
        }
        return {};
    }
};

class Report {
  public:
    void expect(bool good, const std::string& what) {
        ++tried_;
        if (good) return;
        if (++wrong_ <= 40) std::cout << what << '\n';
    }
    std::uint64_t tried_ = 0;
    std::uint64_t wrong_ = 0;
    std::uint64_t stopped_ = 0;
    std::uint64_t lost_ = 0;
    Ms slowest_{};
};

void interrupt(const Bench& b, int signal, Us delay, Report& report) {
    b.reset();
    test::Child child({.args = b.args()});
    std::this_thread::sleep_for(delay);
    child.send(signal);
    const auto sent = Clock::now();
    const test::Result r = child.wait();
    const Ms took = std::chrono::duration_cast<Ms>(Clock::now() - sent);
    const std::string name = std::string(b.work.name) + ", signal " + std::to_string(signal) + " after " +
                             std::to_string(delay.count()) + " us: ";
    if (r.code == 0) {
        report.expect(state_of(b.store) == b.after, name + "ended with 0, but is not done");
        return;
    }
    // Before main() has set its handlers up, the signal ends the process itself.
    if (r.code == 1000 + signal) {
        report.expect(state_of(b.store) == b.before, name + "killed at its start, but the store changed");
        return;
    }
    ++report.stopped_;
    report.slowest_ = std::max(report.slowest_, took);
    report.expect(r.code == 128 + signal, name + "ends with " + std::to_string(r.code) + ": " + r.err);
    report.expect(static_cast<double>(took.count()) <= 1000 * b.slowness,
                  name + "took " + std::to_string(took.count()) + " ms to stop");
    report.expect(b.litter().empty(), name + "leaves " + b.litter());
    const std::string now = state_of(b.store);
    const bool done = b.work.in_two_steps && now == b.after;
    report.expect(b.work.in_batches ? now.ends_with("ok|") : now == b.before || done,
                  name + "the store is " + now);
}

void kill(const Bench& b, Us delay, bool again, Report& report) {
    b.reset();
    test::Child child({.args = b.args()});
    std::this_thread::sleep_for(delay);
    child.send(SIGKILL);
    const test::Result r = child.wait();
    const std::string name =
        std::string(b.work.name) + ", SIGKILL after " + std::to_string(delay.count()) + " us: ";
    if (r.code == 1000 + SIGKILL) ++report.stopped_;
    if (again) {
        const test::Result next = test::run_binary(b.args());
        report.expect(next.code == 0,
                      name + "the next run ends with " + std::to_string(next.code) + ": " + next.err);
        report.expect(state_of(b.store) == b.after, name + "the next run does not finish it");
        report.expect(b.litter().empty(), name + "the next run leaves " + b.litter());
        return;
    }
    const std::string now = state_of(b.store);
    report.expect(b.work.in_batches ? now.ends_with("ok|") : now == b.before || now == b.after,
                  name + "the store is " + now);
}

// What a run left: the size of each file, and what the stores among them hold.
struct Outcome {
    int code = 0;
    std::map<std::string, std::size_t> sizes{};
    State store{};
    State output{};
};

// A reader that went away, and a device that is full, before the report is written: the work is done all the
// same.
void lose_output(const Scenario& scenario, Report& report) {
    const test::TempDir dir;
    const std::string folder = dir.path().string();
    const std::vector<std::string> args = arguments(scenario, folder);
    const auto outcome = [&](const std::string& out_path) {
        write_folder(folder, scenario.start);
        Outcome o{.code = test::run({.args = args, .out_path = out_path}).code};
        for (const auto& [name, content] : read_folder(folder)) o.sizes[name] = content.size();
        o.store = read_state(folder + "/" + k_store);
        if (scenario.to_output) o.output = read_state(folder + "/" + k_output);
        return o;
    };
    const Outcome heard = outcome({});
    report.expect(heard.code == 0, scenario.name + ": ends with " + std::to_string(heard.code));
    const auto compare = [&](const std::string& what, const Outcome& o) {
        ++report.lost_;
        report.expect(o.code == 7, scenario.name + what + ": ends with " + std::to_string(o.code));
        report.expect(o.sizes == heard.sizes && o.store == heard.store && o.output == heard.output,
                      scenario.name + what + ": the work was given up");
    };
    compare(", full standard output", outcome("/dev/full"));
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    ::close(ends[0]);
    compare(", SIGPIPE", outcome("/proc/self/fd/" + std::to_string(ends[1])));
    ::close(ends[1]);
}

}  // namespace

int signal_points(const Settings& settings) {
    const auto start = Clock::now();
    const int rows = settings.full ? 60000 : 40000;
    const std::vector<Work> works{
        {"in place, rollback", {"--strategy", "in-place"}, false, false},
        {"in place, WAL", {"--strategy", "in-place"}, true, false},
        {"rewrite, rollback", {"--strategy", "rewrite"}, false, false},
        {"rewrite, WAL", {"--strategy", "rewrite"}, true, false},
        {"in batches, WAL", {"--batch", "2000"}, true, true},
        {"in place and vacuum, WAL", {"--strategy", "in-place", "--vacuum"}, true, false, true},
    };
    const test::TempDir dir;
    std::mt19937 random(settings.seed);
    Report report;
    const auto store_of = [&](bool wal, int n) {
        return dir.file((wal ? "wal" : "rollback") + std::to_string(n) + ".db");
    };
    for (const bool wal : {false, true}) {
        for (const int n : {rows, k_rows_killed}) make_store(store_of(wal, n), wal, n);
    }
    const std::uint64_t kills = (settings.full ? 1000 : 30) / works.size() + 1;
    const int stops = settings.full ? 20 : 1;
    std::uint64_t killed = 0;
    for (const Work& work : works) {
        if (std::string(work.name).find(settings.only) == std::string::npos) continue;
        const fs::path folder = dir.path() / "work";
        fs::create_directory(folder);
        const auto bench = [&](int n) {
            Bench b{folder,
                    store_of(work.wal, n),
                    (folder / "s.db").string(),
                    std::to_string(1000 + n * 7 / 10),
                    work,
                    {},
                    {}};
            b.measure();
            return b;
        };
        const auto moment = [&](const Bench& b) {
            return Us(static_cast<std::int64_t>(random()) % Us(b.alone + Ms(5)).count());
        };
        const Bench large = bench(rows);
        for (int i = 0; i < stops; ++i) {
            interrupt(large, SIGINT, moment(large), report);
            interrupt(large, SIGTERM, moment(large), report);
        }
        const std::uint64_t stopped = report.stopped_;
        const Bench small = bench(k_rows_killed);
        // Some moments come when the run has ended already; on a slow day none hits.
        for (std::uint64_t i = 0; report.stopped_ - stopped < kills && i < 4 * kills; ++i)
            kill(small, moment(small), i % 3 == 0, report);
        killed += report.stopped_ - stopped;
        fs::remove_all(folder);
    }
    for (const Scenario& scenario : scenarios()) {
        const bool sampled = settings.full || scenario.name.starts_with("native, rollback: ");
        if (sampled && scenario.name.find(settings.only) != std::string::npos) lose_output(scenario, report);
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start);
    std::cout << "signals: " << report.tried_ << " checks, " << killed << " runs killed, "
              << report.stopped_ - killed << " interrupted (slowest stop " << report.slowest_.count()
              << " ms), " << report.lost_ << " reports lost, " << report.wrong_ << " wrong ("
              << seconds.count() << " s)\n";
    return report.wrong_ == 0 && report.tried_ > 0 ? 0 : 1;
}

}  // namespace kvctl::crash
