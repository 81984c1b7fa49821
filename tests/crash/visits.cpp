#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <limits>
#include <random>
#include <unordered_map>

#include "tests/crash/allocator.hpp"
#include "tests/crash/harness.hpp"
#include "tests/crash/scenario.hpp"
#include "tests/crash/visitor.hpp"
#include "tests/support/temp_dir.hpp"

// A third actor: a process that opens the store at a step of a run, writes at every step from another one on,
// and is killed at a third, or behind the run; and the run itself killed while the process waits for its
// turn. Whatever the process was told is committed must be in the file that has the name, and that file be
// sound.
namespace kvctl::crash {
namespace {

constexpr std::size_t k_wal_header = 32;
constexpr std::size_t k_frame_header = 24;
constexpr std::size_t k_page = 1024;  // of every store here
constexpr std::size_t k_never = std::numeric_limits<std::size_t>::max();

// Steps count from 1; a step is what a run asks of its folder beside reading, and its look at all processes.
struct Visit {
    std::size_t opens = k_never;
    std::size_t acts = k_never;      // writes at every step from here on
    std::size_t dies = k_never;      // the visitor; behind that step's write
    std::size_t run_dies = k_never;  // the run itself, behind what the visitor does at that step
    bool reads = false;              // the visitor, once it is in
    bool seen = true;                // the run can see who has the store open

    [[nodiscard]] std::string text() const {
        const auto at = [](std::size_t step) { return step == k_never ? "the end" : std::to_string(step); };
        return "opens at " + at(opens) + (reads ? " and reads" : "") + ", writes from " + at(acts) +
               ", killed at " + at(dies) +
               (run_dies == k_never ? "" : ", the run killed at " + at(run_dies)) +
               (seen ? ", seen" : ", unseen");
    }
};

// Gives the visitor its orders while the run goes on. Without a visitor it only counts.
class Host : public Watcher {
  public:
    Host(std::string store, Visitor* visitor, const Visit& visit)
        : store_(std::move(store)), visitor_(visitor), visit_(visit) {}

    Verdict before(Call call, const std::string& /*path*/) override {
        if (call != Call::read && call != Call::map) step();
        return {};
    }
    void looks_around() override {
        step();
        last_look_ = steps_;
        if (visitor_ == nullptr) return;
        Visitor::Notes& n = visitor_->notes();
        if (n.renamed) return;
        n.looked = true;
        n.unseen = !visit_.seen;
    }
    void renamed(const std::string& /*from*/, const std::string& to) override {
        if (to != store_) return;
        renamed_at_ = steps_;
        if (visitor_ != nullptr) visitor_->notes().renamed = true;
    }
    // A descriptor that was opened under the store's name is the old file's from then on.
    void wrote(const Opened& file, std::int64_t /*offset*/, std::string_view /*data*/) override {
        if (renamed_at_ != 0 && file.path == store_ && visitor_ != nullptr) visitor_->notes().spoiled = true;
    }

    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
    // Of the last look before the rename, and of the rename; 0: there was none.
    [[nodiscard]] std::size_t last_look() const noexcept { return last_look_; }
    [[nodiscard]] std::size_t renamed_at() const noexcept { return renamed_at_; }

  private:
    void step() {
        ++steps_;
        if (visitor_ == nullptr) return;
        const Calm calm;
        Visitor::Notes& n = visitor_->notes();
        if (steps_ == visit_.opens) {
            visitor_->open();
            if (n.looked && !n.renamed) n.unseen = true;
        }
        if (steps_ >= visit_.opens && steps_ >= visit_.acts) visitor_->write();
        if (steps_ == visit_.dies) visitor_->kill();
        if (steps_ == visit_.run_dies) ::kill(::getpid(), SIGKILL);
    }

    std::string store_;
    Visitor* visitor_;
    const Visit& visit_;
    std::size_t steps_ = 0;
    std::size_t last_look_ = 0;
    std::size_t renamed_at_ = 0;
};

struct Tally {
    std::uint64_t visits = 0;
    std::uint64_t gave_way = 0;
    std::uint64_t runs_killed = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t refused = 0;
    std::uint64_t in_gap = 0;
};

bool is_late(const std::string& row) {
    return row.find(":/late/") != std::string::npos;
}

bool has_late(const std::vector<std::string>& rows, int number) {
    const std::string key = "/late/" + std::to_string(number);
    const std::string value = ":" + std::to_string(key.size()) + ":" + key;
    return std::any_of(rows.begin(), rows.end(),
                       [&](const std::string& row) { return row.find(value) != std::string::npos; });
}

State without_late(State state) {
    std::erase_if(state.rows, is_late);
    return state;
}

// What two ends of a visit have in common that say the same. A -wal is taken by its frames: salts are random,
// and with them the sums. A -shm of a process that is gone says nothing.
std::string likeness(Files files) {
    files.erase(std::string(k_store) + "-shm");
    const auto wal = files.find(std::string(k_store) + "-wal");
    if (wal != files.end() && wal->second.size() > k_wal_header) {
        std::string& bytes = wal->second;
        std::fill_n(bytes.begin() + 16, 16, '\0');
        const std::size_t frame = k_frame_header + k_page;
        for (std::size_t at = k_wal_header; at + k_frame_header <= bytes.size(); at += frame)
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 8, 16, '\0');
    }
    // Random names of what a run that was killed left.
    std::string all;
    for (const auto& [name, content] : files)
        all += fingerprint({{name.substr(0, name.find(".kvctl-")), content}});
    return all;
}

Visitor::Layout layout_of(const Scenario& s) {
    return s.name.starts_with("kine")    ? Visitor::Layout::kine
           : s.name.starts_with("bbolt") ? Visitor::Layout::bbolt
                                         : Visitor::Layout::native;
}

class Judge {
  public:
    Judge(Scenario scenario, std::string folder)
        : scenario_(std::move(scenario)), folder_(std::move(folder)) {
        write_folder(folder_, scenario_.start);
        before_ = read_state(store());
        // The same in every visit: whom it meets is found at once or not at all.
        scenario_.args.insert(scenario_.args.begin() + 1, {"--timeout", "0ms"});
        write_folder(folder_, scenario_.start);
        const Visit nobody;
        Host counter(store(), nullptr, nobody);
        {
            const Watch watch(folder_, counter);
            std::string printed;
            if (run(scenario_, folder_, printed) != 0)
                throw std::runtime_error(scenario_.name + ": " + printed);
        }
        steps_ = counter.steps();
        last_look_ = counter.renamed_at() != 0 ? counter.last_look() : 0;
        after_ = read_state(store());
        if (scenario_.to_output) output_ = read_state(output());
    }

    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
    [[nodiscard]] std::size_t last_look() const noexcept { return last_look_; }
    [[nodiscard]] bool wrote_at_once() const noexcept { return wrote_at_once_; }

    // What is wrong with how it ends; empty: nothing.
    std::string judge(const Visit& visit, Tally& tally) {
        write_folder(folder_, scenario_.start);
        Visitor visitor(store(), layout_of(scenario_), visit.reads);
        show_process(visit.seen ? visitor.pid() : 0);
        std::string printed;
        const int code =
            visit.run_dies == k_never ? run_here(visitor, visit, printed) : run_and_die(visitor, visit);
        show_process(0);
        Visitor::Notes& n = visitor.notes();
        // Its turn comes now at the latest; one that was refused starts anew.
        for (int i = 0; i < 3; ++i) visitor.write();
        visitor.kill();
        ++tally.visits;
        if (code == 4 || code == 5) ++tally.gave_way;
        if (code < 0) ++tally.runs_killed;
        tally.acknowledged += static_cast<std::uint64_t>(n.acknowledged);
        tally.refused += static_cast<std::uint64_t>(n.refused);
        // Opened unseen, and nobody left to make the old file unopenable: the documented gap.
        if (code < 0 && n.unseen && n.renamed && !n.spoiled) {
            ++tally.in_gap;
            return {};
        }
        if (code > 0 && code != 4 && code != 5)
            return "the run ends with " + std::to_string(code) + ": " + printed;
        if (n.refused > 1) return "the visitor is refused again after it started anew";
        const auto [known, is_new] =
            verdicts_.try_emplace(std::to_string(code) + ' ' + std::to_string(n.acknowledged) + '\n' +
                                  likeness(read_folder(folder_)));
        if (is_new) known->second = judge_end(code, n.acknowledged);
        return known->second;
    }
    [[nodiscard]] std::size_t ends() const noexcept { return verdicts_.size(); }

  private:
    [[nodiscard]] std::string store() const { return folder_ + "/" + k_store; }
    [[nodiscard]] std::string output() const { return folder_ + "/" + k_output; }

    int run_here(Visitor& visitor, const Visit& visit, std::string& printed) {
        Host host(store(), &visitor, visit);
        const Watch watch(folder_, host);
        const int code = run(scenario_, folder_, printed);
        wrote_at_once_ = visitor.notes().acknowledged > 0;
        return code;
    }

    // -1: it was killed.
    int run_and_die(Visitor& visitor, const Visit& visit) {
        const pid_t child = ::fork();
        if (child < 0) throw std::runtime_error("no process");
        if (child == 0) {
            std::string printed;
            ::_exit(run_here(visitor, visit, printed));
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    // The rows that were there, as they were, as they become or on the way, and all of the visitor's.
    std::string judge_rows(const State& now, bool done, int acknowledged) const {
        if (!now.fault.empty()) return "the store is damaged: " + now.fault;
        for (int i = 0; i < acknowledged; ++i) {
            if (!has_late(now.rows, i))
                return "write " + std::to_string(i) + " of " + std::to_string(acknowledged) +
                       " was acknowledged and is gone";
        }
        const State rest = without_late(now);
        if (rest.rows == after_.rows || (!done && rest.rows == before_.rows)) return {};
        if (!done && scenario_.in_batches && between(before_, rest, after_)) return {};
        return "the store is neither as it was nor as it becomes";
    }

    std::string judge_end(int code, int acknowledged) {
        std::string fault = judge_rows(read_state(store()), code == 0, acknowledged);
        if (fault.empty()) fault = judge_copies(code);
        return fault.empty() ? run_again(acknowledged) : fault;
    }

    // A backup or a new file that has its name is whole, and of one moment.
    std::string judge_copies(int code) const {
        const Files left = read_folder(folder_);
        if (left.contains(k_backup) &&
            without_late(read_state(folder_ + "/" + k_backup)).rows != before_.rows)
            return "the backup is not the store as it was";
        if (!scenario_.to_output) return {};
        if (left.contains(k_output) && without_late(read_state(output())).rows != output_.rows)
            return "the new file is not what the store becomes";
        if (code == 0 && !left.contains(k_output)) return "the run ends with 0, and there is no new file";
        return {};
    }

    std::string run_again(int acknowledged) {
        Files left = read_folder(folder_);
        const bool copied = left.erase(k_backup) + left.erase(k_output) > 0;
        if (copied) {
            std::filesystem::remove(folder_ + "/" + k_backup);
            std::filesystem::remove(output());
        }
        std::string printed;
        if (const int code = run(scenario_, folder_, printed); code != 0)
            return "the next run ends with " + std::to_string(code) + ": " + printed;
        left = read_folder(folder_);
        if (const std::string fault = judge_rows(read_state(store()), true, acknowledged); !fault.empty())
            return "after the next run: " + fault;
        left.erase(std::string(k_store) +
                   "-shm");  // says nothing; SQLite overwrites what a killed process left
        if (const std::string name = litter(std::move(left), scenario_, true); !name.empty())
            return "the next run leaves " + name;
        return {};
    }

    Scenario scenario_;
    std::string folder_;
    State before_;
    State after_;
    State output_;
    std::size_t steps_ = 0;
    std::size_t last_look_ = 0;
    bool wrote_at_once_ = false;
    std::unordered_map<std::string, std::string> verdicts_;  // by how a visit ended
};

// Half of them open the store near the end, where a new file takes the place of the old one.
Visit some_visit(const Judge& judge, std::mt19937& random) {
    const std::size_t end = judge.steps() + 1;
    const auto any = [&](std::size_t from) { return from >= end ? end : from + random() % (end - from + 1); };
    Visit v;
    const std::size_t last_look = judge.last_look();
    v.opens = any(random() % 2 == 0 || last_look == 0 ? 1 : std::max<std::size_t>(last_look, 5) - 4);
    v.acts = any(v.opens);
    v.reads = random() % 2 == 0;
    v.seen = random() % 3 == 0;
    if (random() % 3 == 0) {
        v.dies = any(v.acts);
    } else if (random() % 2 == 0) {
        v.run_dies = any(v.opens);
    }
    return v;
}

bool is_visited(const Scenario& s) {
    const auto has = [&](const char* word) { return s.name.find(word) != std::string::npos; };
    // No server has a snapshot file open.
    return !has("check") && !has("import") && !has("replay") && !has("made of") && !has("snapshot") &&
           !has("dqlite") && !has("raft log") && !has("old values");
}

}  // namespace

int visits(const Settings& settings) {
    const auto start = std::chrono::steady_clock::now();
    Tally tally;
    std::uint64_t wrong = 0;
    std::size_t runs = 0;
    std::size_t ends = 0;
    std::mt19937 random(settings.seed);
    for (const Scenario& scenario : scenarios()) {
        if (!is_visited(scenario) || scenario.name.find(settings.only) == std::string::npos) continue;
        ++runs;
        const test::TempDir dir;
        Judge judge(scenario, dir.path().string());
        const std::size_t n = judge.steps();
        const auto meet = [&](const Visit& visit) {
            const std::string fault = judge.judge(visit, tally);
            if (!fault.empty() && ++wrong <= 20)
                std::cout << scenario.name << ", " << n << " steps, " << visit.text() << ": " << fault
                          << std::endl;
        };
        if (!settings.full) {
            for (std::size_t i = 0; i < settings.sample / 2; ++i) meet(some_visit(judge, random));
            ends += judge.ends();
            continue;
        }
        const std::size_t step = settings.per_kind == 0 ? 1 : std::max<std::size_t>(1, n / settings.per_kind);
        for (const bool seen : {false, true}) {
            for (const bool reads : {false, true}) {
                for (std::size_t opens = 1 + random() % step; opens <= n; opens += step) {
                    for (std::size_t acts = opens; acts <= n + 1; acts += step) {
                        meet({opens, acts, k_never, k_never, reads, seen});
                        // One that had to wait up to the end is the same whenever it is killed.
                        const bool at_once = judge.wrote_at_once();
                        for (std::size_t dies = acts; at_once && dies <= n; dies += step)
                            meet({opens, acts, dies, k_never, reads, seen});
                    }
                    for (std::size_t dies = opens; dies <= n; dies += step)
                        meet({opens, opens, k_never, dies, reads, seen});
                }
            }
        }
        ends += judge.ends();
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start);
    std::cout << "visits: " << tally.visits << " tried in " << runs << " runs, " << tally.gave_way
              << " times kvctl gave way, " << tally.acknowledged << " writes acknowledged, " << tally.refused
              << " times the visitor was refused, " << tally.runs_killed << " runs killed, " << tally.in_gap
              << " in the documented gap, " << ends << " different ends, " << wrong << " wrong ("
              << seconds.count() << " s)\n";
    return wrong == 0 && tally.visits > 0 ? 0 : 1;
}

}  // namespace kvctl::crash
