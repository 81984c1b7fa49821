#include "gen_options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>

namespace kvctl::gen {

namespace {

std::uint64_t number(const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
    if (text.empty() || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > INT64_MAX) {
        throw std::invalid_argument("not a number: " + text);
    }
    return value;
}

double share(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= 0 && value <= 1)) {
        throw std::invalid_argument("not a share between 0 and 1: " + text);
    }
    return value;
}

std::vector<double> share_list(const std::string& text) {
    std::vector<double> list;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        list.push_back(share(text.substr(begin, end - begin)));
        begin = end + 1;
    }
    std::ranges::sort(list);
    return list;
}

SizeRange size_range(const std::string& text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string::npos) {
        return {number(text), number(text)};
    }
    return {number(text.substr(0, dash)), number(text.substr(dash + 1))};
}

void check(const Options& options) {
    if (options.layout != "kine" && options.layout != "native") {
        throw std::invalid_argument("--layout is kine or native");
    }
    if (options.path.empty()) {
        throw std::invalid_argument("no file named");
    }
    if (options.rows < 10 || options.rows > 1'000'000'000) {
        throw std::invalid_argument("rows must lie between 10 and 1000000000");
    }
    if (options.layout == "native" && (options.keys == 0 || options.keys > options.rows)) {
        throw std::invalid_argument("--keys must lie between 1 and the number of revisions");
    }
    if (options.value.min > options.value.max || options.value.max > 1'000'000) {
        throw std::invalid_argument("value sizes must ascend and stay within 1000000");
    }
    if (options.raft_entries > options.rows) {
        throw std::invalid_argument("--raft-entries must not exceed the number of revisions");
    }
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
    Options o;
    using Setter = std::function<void(const std::string&)>;
    const std::map<std::string, Setter> with_value{
        {"--layout", [&](const std::string& v) { o.layout = v; }},
        {"--seed", [&](const std::string& v) { o.seed = number(v); }},
        {"--rows", [&](const std::string& v) { o.rows = number(v); }},
        {"--revisions", [&](const std::string& v) { o.rows = number(v); }},
        {"--page-size", [&](const std::string& v) { o.page_size = number(v); }},
        {"--shares", [&](const std::string& v) { o.shares = share_list(v); }},
        {"--schema-age", [&](const std::string& v) { o.schema_age = v; }},
        {"--removable-share", [&](const std::string& v) { o.removable_share = share(v); }},
        {"--gap-share", [&](const std::string& v) { o.gap_share = share(v); }},
        {"--value-size", [&](const std::string& v) { o.value = size_range(v); }},
        {"--value-min", [&](const std::string& v) { o.value.min = number(v); }},
        {"--value-max", [&](const std::string& v) { o.value.max = number(v); }},
        {"--keys", [&](const std::string& v) { o.keys = number(v); }},
        {"--delete-share", [&](const std::string& v) { o.delete_share = share(v); }},
        {"--lease-share", [&](const std::string& v) { o.lease_share = share(v); }},
        {"--txn-share", [&](const std::string& v) { o.txn_share = share(v); }},
        {"--raft-entries", [&](const std::string& v) { o.raft_entries = number(v); }},
    };
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--key-index") {
            o.key_index = true;
        } else if (word == "--no-wal") {
            o.wal_mode = false;
        } else if (const auto option = with_value.find(word); option != with_value.end()) {
            if (i + 1 == arguments.size()) {
                throw std::invalid_argument(word + " needs a value");
            }
            option->second(arguments[++i]);
        } else if (word.starts_with("-")) {
            throw std::invalid_argument("unknown option " + word);
        } else if (o.path.empty()) {
            o.path = word;
        } else {
            throw std::invalid_argument("more than one file named");
        }
    }
    check(o);
    return o;
}

const char* usage() noexcept {
    return "usage: kvctl_gen_store --layout kine [options] FILE\n"
           "         --rows N --schema-age v0.1|v0.5|v0.14.13|v0.16.3 --removable-share S --gap-share S\n"
           "         --value-size MIN-MAX --no-wal\n"
           "       kvctl_gen_store --layout native [options] FILE\n"
           "         --revisions N --keys K --value-size BYTES|MIN-MAX --delete-share S --lease-share S\n"
           "         --txn-share S --key-index --raft-entries N\n"
           "       both: --seed N --page-size BYTES --shares S,S,...\n"
           "Writes the same store for the same options, and prints as JSON what is in it and up to which "
           "revision\n"
           "a compaction removes about each of the shares.\n";
}

}  // namespace kvctl::gen
