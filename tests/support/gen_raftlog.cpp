// Writes raft logs for benchmarks, in each form that kvctl reads: the same entries for the same options.
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "gen_log_forms.hpp"
#include "gen_random.hpp"

namespace kvctl::gen {

namespace {

struct LogOptions {
    std::string form;
    std::string path;
    std::uint64_t entries = 10'000;
    std::uint64_t value_size = 256;
    std::uint64_t seed = 1;
};

LogOptions parse(const std::vector<std::string>& words) {
    LogOptions options;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (!words[i].starts_with("--")) {
            if (!options.path.empty()) {
                throw std::invalid_argument("more than one file named");
            }
            options.path = words[i];
            continue;
        }
        if (i + 1 == words.size()) {
            throw std::invalid_argument(words[i] + " needs a value");
        }
        const std::string& name = words[i];
        const std::string& value = words[++i];
        if (name == "--format") {
            options.form = value;
        } else if (name == "--entries") {
            options.entries = std::stoull(value);
        } else if (name == "--value-size") {
            options.value_size = std::stoull(value);
        } else if (name == "--seed") {
            options.seed = std::stoull(value);
        } else {
            throw std::invalid_argument("unknown option " + name);
        }
    }
    if (options.path.empty() || options.entries < raft_index_of(k_first_main)) {
        throw std::invalid_argument("no file named, or too few entries");
    }
    return options;
}

/// Mostly puts, some deletes, and now and then a transaction of three.
std::vector<Operation> operations(Random& random, Values& values, std::uint64_t index,
                                  std::uint64_t value_size) {
    const std::uint64_t dice = random.below(20);
    std::vector<Operation> made;
    for (std::uint64_t i = 0; i < (dice == 0 ? 3U : 1U); ++i) {
        Operation one;
        one.remove = dice == 1 || dice == 2;
        one.key = "/registry/configmaps/namespace-" + std::to_string(i) + "/item-" +
                  std::to_string(random.below(20'000));
        if (!one.remove) {
            one.value = values.at(index * 4 + i, one.key, {value_size, value_size});
            one.lease = random.below(50) == 0
                            ? k_first_lease + static_cast<std::int64_t>(random.below(k_raft_leases))
                            : 0;
        }
        made.push_back(std::move(one));
    }
    return made;
}

void write(const LogOptions& options) {
    const std::unique_ptr<LogForm> log = make_log_form(options.form, options.path, options.entries);
    Random random(options.seed);
    Values values(options.seed);
    Request request;
    for (std::uint64_t index = 1; index <= options.entries; ++index) {
        LoggedEntry logged;
        if (index < raft_index_of(k_first_main)) {
            logged.entry = opening_entry(index);
        } else {
            logged.operations = operations(random, values, index, options.value_size);
            for (const Operation& one : logged.operations) {
                one.remove ? request.remove(one.key) : request.put(one.key, one.value, one.lease);
            }
            logged.entry = {index, 2, 0, request.take(index)};
        }
        logged.request_id = raft_request_id(index);
        log->add(logged);
    }
    log->finish();
}

}  // namespace

}  // namespace kvctl::gen

int main(int argc, char** argv) {
    try {
        kvctl::gen::write(kvctl::gen::parse({argv + 1, argv + argc}));
        return 0;
    } catch (const std::logic_error& error) {
        std::cerr << "kvctl_gen_raftlog: " << error.what()
                  << "\nusage: kvctl_gen_raftlog --format wal|dump|jsonl [--entries N] [--value-size BYTES] "
                     "[--seed N] OUT\n";
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "kvctl_gen_raftlog: " << error.what() << '\n';
        return 1;
    }
}
