#include "kvctl/store/sqlite/name_doubt.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/file_names.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/openers.hpp"
#include "kvctl/store/sqlite/journal.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {
namespace {

std::vector<OpenName> open_names(const std::string& real_path) {
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0) return {};
    return find_open_names(st, real_path);
}

std::string open_as(const OpenName& other) {
    return fmt::format("{} has it open as {}", describe_processes({other.pid}), escape(other.name));
}

NameDoubt doubt_of(const OpenName& other) {
    constexpr std::string_view k_gone = " (deleted)";
    if (other.name.ends_with(k_gone)) {
        const std::string was = other.name.substr(0, other.name.size() - k_gone.size());
        return {open_as(other), was + "-wal", "stop it first"};
    }
    return {open_as(other), other.name + "-wal", "use the name that it has: " + shell_quoted(other.name)};
}

bool exists(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0;
}

// A -wal or -journal beside a name that says something; empty: none.
std::string left_beside(const std::string& name) {
    if (file_size(name + "-wal") > 0) return name + "-wal";
    try {
        if (holds_transaction(name + "-journal")) return name + "-journal";
    } catch (const Error&) {
        return name + "-journal";
    }
    return {};
}

}  // namespace

std::optional<NameDoubt> doubt_name(const StoreInfo& info, bool held) {
    const std::string& path = info.real_path;
    bool held_here = false;
    if (held && info.wal_mode) {
        for (const OpenName& name : open_names(path)) {
            if (!name.same) return doubt_of(name);
            held_here = true;
        }
    }
    const OtherNames names = other_names(path);
    // Who has it by this name writes the -wal that lies here.
    if (!names.any || held_here || (held && exists(path + "-shm"))) return std::nullopt;
    for (const std::string& name : names.found) {
        if (std::string left = left_beside(name); !left.empty())
            return NameDoubt{
                fmt::format("{} lies beside another name of the file", escape(left)), left,
                left_beside(path).empty()
                    ? "use that name: " + shell_quoted(name)
                    : "this name has one as well: move away that of the name which no server uses"};
    }
    if (!info.wal_mode || names.all_found || exists(path + "-wal")) return std::nullopt;
    return NameDoubt{
        names.mounted ? "it is in WAL mode and mounted here by itself, under another name than its own"
                      : "it is in WAL mode and has other names (hard links), in other folders",
        {},
        names.mounted
            ? "use the name in its own folder"
            : fmt::format("use the name that its server opens (find / -xdev -samefile {} shows all)",
                          shell_quoted(info.path))};
}

Finding finding_of(const NameDoubt& doubt) {
    const std::string unseen =
        doubt.elsewhere.empty()
            ? "a -wal beside one of them, if there is one, is not seen by this one, nor what is in it"
            : fmt::format("what is in {} is not seen by this name", escape(doubt.elsewhere));
    return {Finding::Severity::warning, "other-name", "file",
            fmt::format("{}: {}: {}", doubt.fact, unseen, doubt.way), std::nullopt};
}

Error refusal_of(const std::string& path, const NameDoubt& doubt) {
    return {
        ErrorKind::refused,
        fmt::format("{}: {}; SQLite looks for a -wal or -journal beside the name that it opens a file by, so "
                    "that a write by this one may destroy the file: {}",
                    path, doubt.fact, doubt.way)};
}

std::string open_by_another_name(const std::string& real_path) {
    const std::vector<OpenName> names = open_names(real_path);
    const auto other = std::find_if(names.begin(), names.end(), [](const OpenName& n) { return !n.same; });
    return other == names.end() ? std::string() : "; " + open_as(*other);
}

}  // namespace kvctl::store
