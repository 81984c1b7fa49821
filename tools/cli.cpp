#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/fd_buffer.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/mapped_file.hpp"
#include "kvctl/jobs/import.hpp"
#include "tools/cmd_help.hpp"
#include "tools/commands.hpp"
#include "tools/error_report.hpp"
#include "tools/habits.hpp"
#include "tools/suggest.hpp"

namespace kvctl::cli {
namespace {

// A row a command: name, alias, synopsis, summary, examples, options, function.
constexpr std::array k_commands{
    Command{"compact", "compaction",
            "(--rev N | --keep-last N | --keep-within TIME | --target-size S) [OPTIONS] STORE",
            "Plan a compaction and, without --dry-run, execute it",
            "kvctl compact --keep-last 1000 -n state.db  # what it would free; nothing is written\n"
            "kvctl compact --keep-last 1000 --vacuum state.db  # free it, and shrink the file\n"
            "kvctl compact --rev 4711 -o small.db state.db  # leave state.db alone",
            compact_options, compact},
    Command{"status", "", "[OPTIONS] STORE...", "Show a store on one screen: sizes, revisions, holders",
            "kvctl status state.db  # one screen\n"
            "kvctl status /var/lib/rancher/k3s/server/db  # the one store in a folder\n"
            "kvctl status --json /var/lib/etcd | jq .bytes  # for scripts",
            status_options, status},
    Command{"vacuum", "defrag", "[--dry-run] [OPTIONS] STORE", "Give free space back to the file system",
            "kvctl vacuum -n state.db  # what it would give back\n"
            "kvctl vacuum state.db  # give it back\n"
            "kvctl vacuum --backup before.db state.db  # and keep the file as it was",
            vacuum_options, vacuum},
    Command{"du", "top", "[OPTIONS] STORE", "Show the space keys take, by prefix, live and history",
            "kvctl du state.db  # what takes the space\n"
            "kvctl du --under /registry/ --depth 1 state.db  # by resource\n"
            "kvctl du --by manager --top 5 state.db  # by who wrote it",
            du_options, du},
    Command{"churn", "writers", "[OPTIONS] STORE", "Show who writes what, how often, and what it changes",
            "kvctl churn state.db  # who writes most\n"
            "kvctl churn --by key --since 1h state.db  # which keys, in the last hour\n"
            "kvctl churn --under /registry/leases/ state.db  # of one kind",
            churn_options, churn},
    Command{"timeline", "", "[OPTIONS] STORE\n[OPTIONS] --at TIME STORE\n[OPTIONS] --of REV STORE",
            "Lay revisions against time, by the times in objects",
            "kvctl timeline state.db  # revisions against time\n"
            "kvctl timeline --at 2026-11-20T08:00Z state.db  # the revision of a time\n"
            "kvctl timeline --of 4711 state.db  # the time of a revision",
            timeline_options, timeline},
    Command{"report", "", "[OPTIONS] STORE -o FILE.html", "Write one HTML page about a store, with pictures",
            "kvctl report state.db -o state.html  # all of it, in one page\n"
            "kvctl report --keep-last 1000 state.db -o state.html  # with what that would free\n"
            "kvctl report /var/lib/etcd -o etcd.html  # a data dir",
            report_options, report_page},
    Command{"get", "", "[OPTIONS] KEY [END] STORE", "Read keys at a revision, as etcdctl does",
            "kvctl get /registry/pods/default/web state.db  # the value now\n"
            "kvctl get --prefix --keys-only /registry/pods/ state.db  # names\n"
            "kvctl get --rev 4711 --decode /registry/pods/default/web state.db  # as it was",
            get_options, get},
    Command{"history", "", "[OPTIONS] KEY STORE", "Show every stored revision of a key, by generation",
            "kvctl history /registry/pods/default/web state.db  # its revisions\n"
            "kvctl history --diff /registry/pods/default/web state.db  # who changed what\n"
            "kvctl history --decode /registry/pods/default/web state.db  # as objects",
            history_options, history},
    Command{"diff", "", "[OPTIONS] STORE-A STORE-B", "Compare what two stores, or two moments of one, hold",
            "kvctl diff before.db after.db  # what differs\n"
            "kvctl diff --rev-a 4000 --rev-b 4711 state.db state.db  # two moments of one\n"
            "kvctl diff --values before.db after.db  # which fields",
            diff_options, diff},
    Command{"index", "", "[OPTIONS] [KEY] STORE", "Show the keyIndex tree: the generations of each key",
            "kvctl index state.db  # every key\n"
            "kvctl index /registry/pods/default/web state.db  # one key\n"
            "kvctl index --rev 4711 state.db  # as a compaction would leave it",
            index_options, index},
    Command{"explain", "", "[OPTIONS] KEY STORE\n[OPTIONS] --at REV STORE",
            "Tell what a compaction does with each revision, and why",
            "kvctl explain /registry/pods/default/web state.db  # what would go, and why\n"
            "kvctl explain --rev 4711 /registry/pods/default/web state.db  # at a revision\n"
            "kvctl explain --at 4711 state.db  # what was written there",
            explain_options, explain},
    Command{"check", "", "[OPTIONS] STORE", "Look for damage and for what breaks a layout's rules",
            "kvctl check state.db  # look for damage\n"
            "kvctl check --all state.db  # name every finding\n"
            "kvctl check --kubernetes state.db  # look into the values, too",
            check_options, check},
    Command{"hash", "hashkv", "[OPTIONS] STORE", "Compute etcd's HashKV",
            "kvctl hash state.db  # of the current revision\n"
            "kvctl hash --rev 4711 --expect 3112848177 member.db  # compare\n"
            "kvctl hash --per-key a.db > a.txt  # find the key that differs",
            hash_options, hash},
    Command{"raft", "", "[OPTIONS] LOG\ncompact [OPTIONS] LOG --index I -o NEW",
            "Show a raft log, or write it compacted",
            "kvctl raft /var/lib/etcd/member/wal  # what is in a log\n"
            "kvctl raft -w jsonl log.jsonl  # a line an entry\n"
            "kvctl raft compact log.jsonl --index 5000 -o small.jsonl  # shorten it",
            raft_options, raft},
    Command{"replay", "", "[OPTIONS] LOG STORE", "Apply a raft log's committed entries to a native store",
            "kvctl replay -n log.jsonl state.db  # what it would apply\n"
            "kvctl replay log.jsonl state.db  # apply it\n"
            "kvctl replay --until-index 5000 log.jsonl state.db  # up to an entry",
            replay_options, replay},
    Command{"import", "", "[OPTIONS] SOURCE -o NEW",
            "Build a store from another, an archive or a history file",
            "kvctl import /var/lib/etcd -o state.db  # a native store from a data dir\n"
            "kvctl import snapshot.db.gz -o state.db --to kine  # another layout\n"
            "kvctl import --salvage broken.db -o saved.db  # what can be read",
            import_options, import_store},
    Command{"export", "", "[OPTIONS] STORE", "Write a store as a history file of JSON Lines",
            "kvctl export state.db > history.jsonl  # all of it\n"
            "kvctl export state.db | gzip > history.jsonl.gz  # small\n"
            "kvctl export state.db | kvctl import /dev/stdin -o copy.db  # a copy",
            export_options, export_store},
    Command{"completion", "", "bash|zsh|fish", "Print a script that completes commands in a shell",
            "source <(kvctl completion bash)  # in this shell\n"
            "kvctl completion bash > /etc/bash_completion.d/kvctl  # for all\n"
            "kvctl completion fish > ~/.config/fish/completions/kvctl.fish  # fish",
            completion_options, completion},
    Command{"help", "", "[COMMAND]", "Show what kvctl or one of its commands takes",
            "kvctl help  # all commands\n"
            "kvctl help compact  # one of them\n"
            "kvctl help du  # as does kvctl du --help",
            help_options, help},
    Command{"version", "", "[OPTIONS]", "Show the versions of kvctl and of what it is built on",
            "kvctl version  # of kvctl, SQLite, Boost\n"
            "kvctl version -v  # the compiler, too\n"
            "kvctl version --json  # for scripts",
            version_options, version},
};

Error unknown_command(const Args& args) {
    const std::string& name = args.front();
    std::vector<std::string_view> names;
    for (const Command& c : k_commands) {
        names.push_back(c.name);
        if (!c.alias.empty()) names.push_back(c.alias);
    }
    std::string message = fmt::format("unknown command '{}'", escape(name));
    if (const std::string habit = habit_of_etcdctl(args); !habit.empty())
        return usage_error(message + "; " + habit);
    if (const auto near = nearest(name, names)) message += fmt::format("; did you mean '{}'?", *near);
    return usage_error(message);
}

int run_command(const Args& args, Io& io) {
    const std::string& name = args.front();
    const OptionTable own = help_options();
    if (name.starts_with('-')) {
        // Only --help and --version stand before a command.
        if (asks_for(own, args, "help", 'h')) {
            const auto named = std::find_if(args.begin(), args.end(),
                                            [](const std::string& a) { return find_command(a) != nullptr; });
            return help(named == args.end() ? Args{} : Args{*named}, io);
        }
        if (asks_for(own, args, "version", 0)) return version({}, io);
        throw usage_error(fmt::format("the command comes first, before '{}'", escape(name)));
    }
    const Command* command = find_command(name);
    const Args rest(args.begin() + 1, args.end());
    const OptionTable table = command != nullptr ? command->options() : own;
    if (asks_for(table, rest, "version", 0)) return version(wants_json(rest) ? Args{"--json"} : Args{}, io);
    if (asks_for(table, rest, "help", 'h')) {
        io.out << (command != nullptr ? describe_command(*command) : describe_program());
        return 0;
    }
    if (command == nullptr) throw unknown_command(args);
    return command->function(rest, io);
}

// Prints a fatal error in the format asked for and yields its exit code.
int report(const Args& args, Io& io, ErrorKind kind, const std::string& message) {
    int code = exit_code(kind);
    if (kind == ErrorKind::interrupted && interrupt_signal() != 0) code = 128 + interrupt_signal();
    io.out.flush();
    if (wants_json(args)) {
        io.err << error_json(code, kind, message) << std::endl;
        return code;
    }
    io.err << "kvctl: " << printable(message) << '\n';
    if (kind == ErrorKind::usage) {
        const bool known = !args.empty() && find_command(args.front()) != nullptr;
        io.err << "Try 'kvctl " << (known ? args.front() + " " : "") << "--help'.\n";
    }
    io.err.flush();
    return code;
}

// A history file is text, which no other command looks into.
bool imports_history(const Args& args) {
    try {
        return args.front() == "import" && std::any_of(args.begin() + 1, args.end(), jobs::is_history);
    } catch (const Error&) {  // the value of an option that names a file nobody may read
        return false;
    }
}

// The operand that a message is about, or a file in the folder that it names; empty: none of them.
std::string_view subject(const Args& args, std::string_view message) {
    for (std::size_t i = args.size(); i-- > 1;) {
        const std::string_view arg = args[i];
        if (arg.empty() || arg.starts_with("--") || !message.starts_with(arg)) continue;
        const std::string_view rest = message.substr(arg.size());
        if (rest.starts_with(": ") || rest.starts_with('/') || arg.ends_with('/')) return arg;
    }
    return {};
}

// What a refusal for damage ends with where its message does not say it: the command that names all of it,
// and the one that takes what can be had.
std::string way_out(const Args& args, const Error& e) {
    const std::string_view message = e.what();
    const auto says = [&](std::string_view part) { return message.find(part) != std::string_view::npos; };
    const bool about_a_store =
        !args.empty() && args.front() != "raft" && find_command(args.front()) != nullptr;
    if (e.kind() != ErrorKind::damaged || !about_a_store || says("the archive is broken") ||
        imports_history(args))
        return {};
    const std::string_view about = subject(args, message);
    const std::string path(about.empty() ? "STORE" : about);
    std::string text;
    if (!says("kvctl check") && args.front() != "check")
        text = fmt::format("; {} tells what is wrong with it", command_on(path, "check"));
    const bool salvages = std::find(args.begin(), args.end(), "--salvage") != args.end();
    if (args.front() != "replay" && !salvages && !says("--salvage"))
        text += fmt::format("; {} takes what can be read of it", command_on(path, "import --salvage -o NEW"));
    return text;
}

constexpr const char* k_lost = "was cut short while it was read, or its disk fails";

int guarded(const Args& args, Io& io) {
    try {
        (void)WatchedPages::take_lost();
        const int code = run_command(args, io);
        if (const auto lost = WatchedPages::take_lost()) throw Error(ErrorKind::io, *lost + ": " + k_lost);
        return code;
    } catch (const Error& e) {
        // What cannot be read looks damaged.
        const auto lost = e.kind() == ErrorKind::damaged ? WatchedPages::take_lost() : std::nullopt;
        if (lost) return report(args, io, ErrorKind::io, fmt::format("{}; {} {}", e.what(), *lost, k_lost));
        return report(args, io, e.kind(), e.what() + way_out(args, e));
    } catch (const std::bad_alloc&) {
        return report(args, io, ErrorKind::internal, "out of memory");
    } catch (const std::system_error& e) {  // std::filesystem's too
        return report(args, io, ErrorKind::io, e.what());
    } catch (const std::exception& e) {
        return report(args, io, ErrorKind::internal, e.what());
    }
}

int reported_run(const Args& args, Io& io) {
    if (args.empty()) {
        io.err << describe_program() << std::flush;
        return exit_code(ErrorKind::usage);
    }
    const int code = guarded(args, io);
    io.out.flush();
    // A report that did not arrive is a failure of its own, unless the run failed already and said so.
    const bool reported = code != 0 && code != exit_code(ErrorKind::findings);
    if (io.out || reported) return code;
    const auto* buffer = dynamic_cast<const FdBuffer*>(io.out.rdbuf());
    const int error = buffer != nullptr ? buffer->error() : 0;
    // Whoever read it, head or a pager, has seen enough.
    if (error == EPIPE) return exit_code(ErrorKind::io);
    if (error == EINTR)
        return report(args, io, ErrorKind::interrupted, "standard output: interrupted by a signal");
    return report(args, io, ErrorKind::io,
                  std::string("standard output cannot be written") +
                      (error != 0 ? std::string(": ") + std::strerror(error) : ""));
}

}  // namespace

std::span<const Command> commands() noexcept {
    return k_commands;
}

std::span<const Form> forms() noexcept {
    static constexpr std::array k_forms{Form{"raft", "compact", raft_compact_options}};
    return k_forms;
}

const Command* find_command(std::string_view name) noexcept {
    const auto found = std::find_if(k_commands.begin(), k_commands.end(), [&](const Command& c) {
        return c.name == name || (!c.alias.empty() && c.alias == name);
    });
    return found == k_commands.end() ? nullptr : &*found;
}

int run(const Args& args, Io& io) {
    try {
        return reported_run(args, io);
    } catch (const std::bad_alloc&) {  // not even the message found memory
        io.err << "kvctl: out of memory" << std::endl;
        return exit_code(ErrorKind::internal);
    }
}

}  // namespace kvctl::cli
