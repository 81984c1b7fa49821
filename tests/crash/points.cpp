#include <algorithm>
#include <chrono>
#include <iostream>
#include <set>

#include "tests/crash/harness.hpp"
#include "tests/crash/scenario.hpp"
#include "tests/support/temp_dir.hpp"

// Crash simulation: a run's changes are written down, the disk is rebuilt as of every point in them, and
// whoever opens it then must find the store as it was, as it becomes, or, in batches, on the way.
namespace kvctl::crash {
namespace {

using Fate = Disk::Fate;

struct Tally {
    std::uint64_t points = 0;  // disks rebuilt
    std::uint64_t disks = 0;   // that differed from one another
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint64_t resumable = 0;
};

class Judge {
  public:
    Judge(const Scenario& scenario, std::string folder, const Files& end)
        : scenario_(scenario), folder_(std::move(folder)) {
        write_folder(folder_, scenario.start);
        before_ = read_state(path());
        write_folder(folder_, end);
        after_ = read_state(path());
        if (scenario.to_output) output_ = read_state(folder_ + "/" + k_output);
        if (!before_.fault.empty() || !after_.fault.empty() || !output_.fault.empty())
            throw std::runtime_error(scenario.name + ": not sound to begin with: " + before_.fault +
                                     after_.fault + output_.fault);
    }

    // What is wrong with a disk; empty: nothing.
    std::string judge(const Files& disk, Tally& tally) {
        write_folder(folder_, disk);
        const State now = read_state(path());
        if (!now.fault.empty()) return "the store is damaged: " + now.fault;
        if (now == after_) {
            ++tally.after;
        } else if (now == before_) {
            ++tally.before;
        } else if (resumable(scenario_, before_, now, after_)) {
            ++tally.resumable;
        } else {
            return "the store is neither as it was nor as it becomes";
        }
        const bool published = holds(disk, k_output);
        if (published) {
            const State out = read_state(folder_ + "/" + k_output);
            if (out != output_) return "the new file has its name but is not complete: " + out.fault;
        }
        // A backup has its name when it is complete, and before the store changes. A run never overwrites it.
        Files found = disk;
        if (found.erase(k_backup) > 0) {
            if (const State kept = read_state(folder_ + "/" + k_backup); kept != before_)
                return "the backup is not the store as it was: " + kept.fault;
        } else if (has_backup() && now == after_ && now != before_) {
            return "the store is changed without its backup";
        }
        return run_again(found, published, now == after_);
    }

  private:
    [[nodiscard]] std::string path() const { return folder_ + "/" + k_store; }

    [[nodiscard]] bool has_backup() const {
        return std::find(scenario_.args.begin(), scenario_.args.end(), "BACKUP") != scenario_.args.end();
    }

    std::string run_again(const Files& disk, bool published, bool done) {
        write_folder(folder_, disk);
        std::string printed;
        const int code = run(scenario_, folder_, printed);
        if (code != (published ? 4 : 0))
            return "the next run ends with " + std::to_string(code) + ": " + printed;
        Files left = read_folder(folder_);
        const State now = read_state(path());
        if (now != after_)
            return "the next run does not finish it" + (now.fault.empty() ? "" : ": " + now.fault);
        if (scenario_.to_output && read_state(folder_ + "/" + k_output) != output_)
            return "the next run writes another file";
        if (const std::string name = litter(std::move(left), scenario_, done); !name.empty())
            return "the next run leaves " + name;
        return {};
    }

    const Scenario& scenario_;
    std::string folder_;
    State before_;
    State after_;
    State output_;
};

}  // namespace

int crash_points(const Settings& settings) {
    const auto start = std::chrono::steady_clock::now();
    Tally tally;
    std::uint64_t wrong = 0;
    std::uint64_t seen_scenarios = 0;
    std::uint64_t changes = 0;
    for (const Scenario& scenario : scenarios()) {
        if (scenario.name.find(settings.only) == std::string::npos) continue;
        ++seen_scenarios;
        const test::TempDir dir;
        const std::string folder = dir.path().string();
        write_folder(folder, scenario.start);
        Recorder recorder(folder, scenario.start);
        std::string printed;
        {
            const Watch watch(folder, recorder);
            const int code = run(scenario, folder, printed);
            if (code != 0)
                throw std::runtime_error(scenario.name + " ended with " + std::to_string(code) + ": " +
                                         printed);
        }
        const Files end = read_folder(folder);
        Judge judge(scenario, folder, end);
        std::mt19937 random(settings.seed);
        Disk disk(scenario.start);
        std::set<std::string> known;
        changes += recorder.changes().size();
        const std::size_t n = recorder.changes().size();
        for (std::size_t at = 0; at <= n; ++at) {
            // A sample looks at points spread over the run.
            const bool looked_at = settings.full || at == n || random() % n < settings.sample;
            if (looked_at) {
                std::vector<Fate> fates{Fate::nothing};
                if (disk.anything_pending()) {
                    fates = {Fate::nothing, Fate::everything, Fate::ordered, Fate::unordered};
                    for (std::size_t i = 0; settings.full && i < settings.repeats; ++i)
                        fates.push_back(i % 2 == 0 ? Fate::ordered : Fate::unordered);
                }
                for (const Fate fate : fates) {
                    const Files found = disk.after_crash(fate, random);
                    ++tally.points;
                    if (!known.insert(fingerprint(found)).second) continue;
                    ++tally.disks;
                    const std::string fault = judge.judge(found, tally);
                    if (fault.empty()) continue;
                    if (++wrong <= 20)
                        std::cout << scenario.name << ", change " << at << " of " << n << ", fate "
                                  << static_cast<int>(fate) << ": " << fault << '\n';
                }
            }
            if (at < n) disk.apply(recorder.changes()[at]);
        }
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start);
    std::cout << "crash points: " << tally.points << " tried in " << seen_scenarios << " runs of " << changes
              << " changes, " << tally.disks << " different disks: " << tally.before << " as before, "
              << tally.after << " as after, " << tally.resumable << " resumable, " << wrong << " wrong ("
              << seconds.count() << " s)\n";
    return wrong == 0 && tally.points > 0 ? 0 : 1;
}

}  // namespace kvctl::crash
