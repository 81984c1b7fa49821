#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <unordered_map>

#include "tests/crash/allocator.hpp"
#include "tests/crash/harness.hpp"
#include "tests/crash/scenario.hpp"
#include "tests/support/temp_dir.hpp"

// Fault injection: the n-th call of a kind fails, once or from then on, for every n until a run has no n-th
// call. The run must end with the documented code, leave the store as it was, as it becomes or resumable, and
// nothing beside it; the next run must finish the work.
extern "C" int __lsan_do_recoverable_leak_check() __attribute__((weak));

namespace kvctl::crash {
namespace {

struct Fault {
    std::string name;
    std::optional<Call> call;  // nullopt: memory
    Heap heap = Heap::sqlite;
    int error = EIO;
    bool half = false;
    bool persistent = false;
};

std::vector<Fault> faults() {
    std::vector<Fault> all;
    for (const bool persistent : {false, true}) {
        const std::string suffix = persistent ? ", and all behind it" : "";
        const auto add = [&](Call call, const char* word, int error, bool half = false) {
            all.push_back({std::string(name_of(call)) + " " + word + suffix, call, Heap::sqlite, error, half,
                           persistent});
        };
        for (const Call call : {Call::open, Call::read, Call::write, Call::sync, Call::truncate, Call::remove,
                                Call::rename, Call::link, Call::chmod, Call::folder_sync})
            add(call, "EIO", EIO);
        add(Call::map, "ENOMEM", ENOMEM);
        add(Call::open, "EMFILE", EMFILE);
        for (const Call call : {Call::open, Call::write, Call::sync, Call::truncate, Call::link})
            add(call, "ENOSPC", ENOSPC);
        add(Call::write, "short", ENOSPC, true);
        add(Call::read, "short", 0, true);
        if (!persistent) {
            for (const Call call : {Call::open, Call::read, Call::write, Call::sync, Call::truncate})
                add(call, "EINTR", EINTR);
        }
        all.push_back({"SQLite's malloc" + suffix, std::nullopt, Heap::sqlite, ENOMEM, false, persistent});
        all.push_back({"operator new" + suffix, std::nullopt, Heap::program, ENOMEM, false, persistent});
    }
    return all;
}

bool is_of(const Fault& fault, std::string_view kinds) {
    if (kinds == "calls") return fault.call.has_value();
    if (kinds == "sqlite") return !fault.call && fault.heap == Heap::sqlite;
    if (kinds == "program") return !fault.call && fault.heap == Heap::program;
    return true;
}

class Injector : public Watcher {
  public:
    Injector(const Fault& fault, std::uint64_t n) : fault_(fault), n_(n) {}
    Verdict before(Call call, const std::string& /*path*/) override {
        if (call != fault_.call) return {};
        ++seen_;
        if (seen_ < n_ || (seen_ > n_ && !fault_.persistent)) return {};
        // A disk takes half of a write when it is full behind that.
        if (fault_.half && (seen_ == n_ || fault_.error == 0)) return {0, true};
        return {fault_.error, false};
    }
    [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }

  private:
    const Fault& fault_;
    std::uint64_t n_;
    std::uint64_t seen_ = 0;
};

struct Ran {
    int code = 0;
    std::string printed;
    std::uint64_t seen = 0;  // calls of the kind
};

Ran run_with(const Scenario& scenario, const std::string& folder, const Fault& fault, std::uint64_t n) {
    Ran ran;
    Injector injector(fault, n);
    const Watch watch(folder, injector);
    if (fault.call) {
        ran.code = run(scenario, folder, ran.printed);
        ran.seen = injector.seen();
        return ran;
    }
    const MemoryFault memory(fault.heap, n, fault.persistent);
    ran.code = run(scenario, folder, ran.printed);
    ran.seen = memory.seen();
    return ran;
}

class Judge {
  public:
    Judge(const Scenario& scenario, std::string folder) : scenario_(scenario), folder_(std::move(folder)) {
        write_folder(folder_, scenario.start);
        before_ = read_state(path());
        write_folder(folder_, scenario.start);
        std::string printed;
        if (const int code = run(scenario, folder_, printed); code != 0)
            throw std::runtime_error(scenario.name + " ended with " + std::to_string(code) + ": " + printed);
        after_ = read_state(path());
        if (scenario.to_output) output_ = read_state(folder_ + "/" + k_output);
    }

    // What is wrong with how a run ended, and with what it left in the folder; empty: nothing.
    std::string judge(const Fault& fault, const Ran& ran, const Files& left) {
        const std::set<int> expected =
            fault.error == ENOMEM && !fault.call ? std::set<int>{0, 1} : std::set<int>{0, 7};
        if (!expected.contains(ran.code)) return "ends with " + std::to_string(ran.code) + ": " + ran.printed;
        const bool unlinks = fault.call == Call::remove;
        // The same end of a run on the same disk is as right, or as wrong, as it was the first time.
        const std::string end = std::to_string(ran.code) + (unlinks ? "u" : "") + '\n' + fingerprint(left);
        const auto [known, is_new] = verdicts_.try_emplace(end);
        if (is_new) known->second = judge_disk(ran.code, unlinks, left);
        return known->second;
    }

    [[nodiscard]] std::size_t ends() const noexcept { return verdicts_.size(); }

  private:
    [[nodiscard]] std::string path() const { return folder_ + "/" + k_store; }

    std::string judge_disk(int code, bool unlinks, Files left) {
        for (const auto& [name, content] : left) {
            const bool known =
                name == k_store || name == k_output || name.starts_with(std::string(k_store) + "/") ||
                name.starts_with(std::string(k_output) + "/") || name == std::string(k_store) + "-wal" ||
                name == std::string(k_store) + "-journal" || name == k_backup || name == k_log;
            if (!known && !unlinks) return "leaves " + name + " (code " + std::to_string(code) + ")";
        }
        const State now = read_state(path());
        if (!now.fault.empty()) return "the store is damaged: " + now.fault;
        const bool sound =
            code == 0 ? now == after_
                      : now == before_ || now == after_ || resumable(scenario_, before_, now, after_);
        if (!sound)
            return "code " + std::to_string(code) + ", but the store is neither as it was nor as it becomes";
        if (code == 0 && scenario_.to_output && !holds(left, k_output)) return "code 0, but no new file";
        if (left.erase(k_backup) > 0 && read_state(folder_ + "/" + k_backup) != before_)
            return "the backup is not the store as it was";
        // A second name of the backup that could not be taken away goes with the next run that makes one.
        if (unlinks)
            std::erase_if(left,
                          [](const auto& f) { return f.first.starts_with("." + std::string(k_backup)); });
        return run_again(left, now == after_);
    }

    std::string run_again(const Files& found, bool done) {
        write_folder(folder_, found);
        const bool published = holds(found, k_output);
        if (published && read_state(folder_ + "/" + k_output) != output_)
            return "the new file is not complete";
        std::string printed;
        const int code = run(scenario_, folder_, printed);
        if (code != (published ? 4 : 0))
            return "the next run ends with " + std::to_string(code) + ": " + printed;
        Files left = read_folder(folder_);
        if (read_state(path()) != after_) return "the next run does not finish it";
        if (const std::string name = litter(std::move(left), scenario_, done); !name.empty())
            return "the next run leaves " + name;
        return {};
    }

    const Scenario& scenario_;
    std::string folder_;
    State before_;
    State after_;
    State output_;
    std::unordered_map<std::string, std::string> verdicts_;  // by how a run ended
};

// Whether memory was lost since the last call. Only a program with LeakSanitizer in it can tell.
bool leaks() {
    return __lsan_do_recoverable_leak_check != nullptr && __lsan_do_recoverable_leak_check() != 0;
}

}  // namespace

int fault_points(const Settings& settings) {
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t tried = 0;
    std::uint64_t wrong = 0;
    std::uint64_t ends = 0;
    std::size_t runs = 0;
    std::map<int, std::uint64_t> codes;
    std::mt19937_64 random(settings.seed);
    const auto complain = [&](const std::string& what) {
        if (++wrong <= 40) std::cout << what << std::endl;
    };
    for (const Scenario& scenario : scenarios()) {
        const test::TempDir dir;
        const std::string folder = dir.path().string();
        std::optional<Judge> judge;
        for (const Fault& fault : faults()) {
            const std::string name = scenario.name + ": " + fault.name;
            if (name.find(settings.only) == std::string::npos || !is_of(fault, settings.kinds)) continue;
            if (!settings.full && random() % 4 != 0) continue;
            if (!judge) {
                judge.emplace(scenario, folder);
                ++runs;
            }
            std::uint64_t n = 1;
            std::uint64_t step = 1;
            write_folder(folder, scenario.start);
            if (!settings.full || settings.per_kind != 0) {
                const std::uint64_t calls = run_with(scenario, folder, fault, UINT64_MAX).seen;
                if (!settings.full && calls > 0) n = 1 + random() % calls;
                if (settings.per_kind != 0) step = std::max<std::uint64_t>(1, calls / settings.per_kind);
                write_folder(folder, scenario.start);
            }
            for (;; n += step) {
                const Ran ran = run_with(scenario, folder, fault, n);
                if (ran.seen < n) break;  // it went through
                ++tried;
                ++codes[ran.code];
                const Files left = read_folder(folder);
                if (const std::string what = judge->judge(fault, ran, left); !what.empty())
                    complain(name + ", n = " + std::to_string(n) + ": " + what);
                if (!settings.full) break;
                if (read_folder(folder) != scenario.start) write_folder(folder, scenario.start);
            }
            if (leaks()) complain(name + ": memory is lost");
        }
        if (judge) ends += judge->ends();
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start);
    std::cout << "fault injection: " << tried << " faults tried in " << runs << " runs, exit codes";
    for (const auto& [code, n] : codes) std::cout << ' ' << code << " (" << n << ")";
    std::cout << ", " << ends << " different ends, " << wrong << " wrong (" << seconds.count() << " s)\n";
    return wrong == 0 && tried > 0 ? 0 : 1;
}

}  // namespace kvctl::crash
