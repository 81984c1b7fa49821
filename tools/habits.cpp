#include "tools/habits.hpp"

#include <algorithm>
#include <array>

#include "kvctl/base/format.hpp"

namespace kvctl::cli {
namespace {

struct Habit {
    std::string_view first;
    std::string_view second;  // empty: whatever follows
    std::string_view answer;
};

constexpr std::string_view k_no_server = "kvctl works on files, without a server";

constexpr std::array k_other_commands{
    Habit{"endpoint", "status", "kvctl status STORE"},
    Habit{"endpoint", "hashkv", "kvctl hash STORE"},
    Habit{"endpoint", "health", "kvctl check STORE"},
    Habit{"snapshot", "status", "kvctl status STORE"},
    Habit{"snapshot", "restore", "kvctl import STORE -o NEW"},
    Habit{"snapshot", "hashkv", "kvctl hash STORE"},
    Habit{"member", "list", "kvctl status STORE"},
    Habit{"alarm", "list", "kvctl status STORE"},
    Habit{"alarm", "disarm", "kvctl compact --keep-last 1000 --disarm STORE"},
    Habit{"check", "datascale", "kvctl du STORE"},
    Habit{"hashkv", "", "kvctl hash STORE"},
    Habit{"watch", "", "kvctl history KEY STORE"},
    Habit{"bolt", "", "kvctl du --by bucket STORE"},
    Habit{"buckets", "", "kvctl du --by bucket STORE"},
    Habit{"dump", "", "kvctl export STORE"},
};

constexpr std::array<std::string_view, 11> k_of_a_server{
    "put", "del", "txn", "lease", "lock", "elect", "auth", "role", "user", "move-leader", "make-mirror"};

constexpr std::array<std::string_view, 12> k_connection{
    "endpoints",       "cacert",        "cert",     "key",       "user",
    "password",        "cluster",       "insecure", "discovery", "dial-timeout",
    "command-timeout", "keepalive-time"};

}  // namespace

std::string habit_of_etcdctl(const Args& args) {
    const std::string_view first = args.front();
    const std::string_view second = args.size() > 1 ? std::string_view(args[1]) : std::string_view();
    for (const Habit& h : k_other_commands) {
        if (h.first != first || (!h.second.empty() && h.second != second)) continue;
        return fmt::format("did you mean '{}'? That is etcd's '{}{}{}' here", h.answer, first,
                           h.second.empty() ? "" : " ", h.second);
    }
    for (const Habit& h : k_other_commands) {
        if (h.first == first && !h.second.empty())
            return fmt::format("{}; see 'kvctl status STORE'", k_no_server);
    }
    if (std::find(k_of_a_server.begin(), k_of_a_server.end(), first) != k_of_a_server.end())
        return fmt::format("{}, and never writes a key: use etcdctl for it", k_no_server);
    return {};
}

std::string habit_of_option(std::string_view name) {
    if (std::find(k_connection.begin(), k_connection.end(), name) != k_connection.end())
        return fmt::format("{}: name the file instead", k_no_server);
    if (name == "data-dir") return "the data directory is the last operand: kvctl COMMAND /var/lib/etcd";
    if (name == "physical") return "compacting a file is always done when kvctl returns";
    if (name == "consistency" || name == "serializable") return std::string(k_no_server);
    if (name == "hex") return "keys that are not UTF-8 are escaped; -w json has them in base64";
    return {};
}

std::string habit_of_format(std::string_view word) {
    if (word == "table" || word == "simple" || word == "fields")
        return fmt::format("etcdctl's '{}' is text here, the default", word);
    if (word == "protobuf") return "there is no protobuf; json has every field";
    return {};
}

}  // namespace kvctl::cli
