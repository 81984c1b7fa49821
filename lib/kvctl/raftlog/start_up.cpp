#include "kvctl/raftlog/start_up.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>

#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;

std::string told(const Start& start, const char* origin) {
    if (!start.snapshot) return "does not start";
    if (start.snapshot->index == LogIndex{0}) return "begins at index 0";
    return fmt::format("loads the snapshot at index {}, {}", start.snapshot->index, origin);
}

}  // namespace

std::optional<std::pair<unsigned, unsigned>> minor_version(std::string_view version) noexcept {
    if (version.starts_with('v')) version.remove_prefix(1);
    unsigned major = 0;
    unsigned minor = 0;
    const char* const end = version.data() + version.size();
    const auto [dot, fault] = std::from_chars(version.data(), end, major);
    if (fault != std::errc{} || dot == end || *dot != '.') return std::nullopt;
    if (std::from_chars(dot + 1, end, minor).ec != std::errc{}) return std::nullopt;
    return std::pair(major, minor);
}

Release release_of(std::string_view version) noexcept {
    const auto minor = minor_version(version);
    if (!minor) return Release::unknown;
    return *minor >= std::pair(3U, 7U) ? Release::from_3_7 : Release::up_to_3_6;
}

std::optional<raft::SnapshotMeta> loaded_snapshot(const Header& header, Release release) {
    if (!header.start_up || release == Release::unknown) return header.newest_snapshot;
    return (release == Release::from_3_7 ? header.start_up->from_3_7 : header.start_up->up_to_3_6).snapshot;
}

std::optional<raft::SnapshotMeta> snapshot_within(const Header& header, Release release) {
    return header.kind == SourceKind::dqlite ? std::nullopt : loaded_snapshot(header, release);
}

void StartUpAudit::add(const raft::EntryFacts& entry) {
    if (entry.request != raft::RequestKind::v2 || release_ != Release::from_3_7) return;
    const auto loaded = loaded_snapshot(header_, release_);
    if (loaded && entry.index <= loaded->index) return;
    if (!first_v2_) first_v2_ = entry.index;
    ++v2_;
}

void StartUpAudit::check_received_db(const Start& start, Findings& out) const {
    if (!applied_ || !start.snapshot || start.snapshot->index <= *applied_) return;
    const LogIndex index = start.snapshot->index;
    const std::vector<LogIndex>& received = header_.start_up->received;
    if (std::find(received.begin(), received.end(), index) != received.end()) return;
    const std::string& folder = header_.start_up->folder;
    std::string what = fmt::format(
        "the snapshot at index {} is ahead of the db, whose consistent index is {}, and its .snap.db is "
        "missing: no server starts; ",
        index, *applied_);
    if (header_.snapshot.index <= *applied_) {
        what += fmt::format("{} and {} bring everything back",
                            command_on((std::filesystem::path(folder) / "db").native(), "import -o NEW"),
                            quoted_command("kvctl replay" + operand(header_.path) + " NEW"));
    } else {
        what += fmt::format(
            "the log begins behind index {}, so what lies between is in neither: only another member or a "
            "backup has it",
            header_.snapshot.index);
    }
    Finding f{Severity::error, "snap-db-missing", folder, std::move(what)};
    if (std::find(out.begin(), out.end(), f) == out.end()) out.push_back(std::move(f));
}

Findings StartUpAudit::finish() const {
    Findings out;
    if (header_.start_up) {
        const Start& old = header_.start_up->up_to_3_6;
        const Start& recent = header_.start_up->from_3_7;
        if (old.snapshot != recent.snapshot) {
            out.push_back({Severity::info, "start-up-differs", header_.path,
                           fmt::format("a server up to 3.6 {}; 3.7 {}", told(old, "its newest .snap file"),
                                       told(recent, "the newest record in the log"))});
        }
        if (release_ != Release::from_3_7) {
            if (!old.snapshot) {
                out.push_back(
                    {Severity::error, "cannot-start", header_.path,
                     fmt::format(
                         "a server up to 3.6 does not start: {}{}", old.obstacle,
                         recent.snapshot ? " (without a usable .snap file it begins at 0); 3.7 would" : "")});
            }
            check_received_db(old, out);
        }
        if (release_ != Release::up_to_3_6) {
            if (!recent.snapshot && release_ == Release::from_3_7) {
                out.push_back({Severity::error, "cannot-start", header_.path,
                               "a server of 3.7 does not start: " + recent.obstacle});
            }
            check_received_db(recent, out);
        }
    }
    if (first_v2_) {
        out.push_back({Severity::error, "v2-requests", fmt::format("index {}", *first_v2_),
                       fmt::format("{} {} of the old API behind the newest snapshot: etcd 3.7 does not start "
                                   "on them; starting 3.6 once more makes a snapshot behind them",
                                   v2_, v2_ == 1 ? "request" : "requests")});
    }
    return out;
}

}  // namespace kvctl::raftlog
