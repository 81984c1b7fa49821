#include "kvctl/raftlog/open.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "kvctl/base/error.hpp"
#include "kvctl/dqlite/folder.hpp"
#include "kvctl/raftlog/dqlite_dir.hpp"
#include "kvctl/raftlog/dump_text.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/jsonl.hpp"
#include "kvctl/raftlog/paste.hpp"
#include "kvctl/raftlog/table.hpp"
#include "kvctl/raftlog/wal_dir.hpp"

namespace kvctl::raftlog {
namespace {

constexpr std::string_view k_sqlite{"SQLite format 3\0", 16};
constexpr std::size_t k_head = std::size_t{64} << 10;

enum class Content { empty, sqlite, json, dump_text, dump_raw, wal_segment, other };

// What a line of text is part of; other: it does not tell.
Content content_of(std::string_view line) {
    switch (dump_form(line)) {
        case DumpForm::text:
            return Content::dump_text;
        case DumpForm::raw:
            return Content::dump_raw;
        case DumpForm::none:
            break;
    }
    const bool json = trimmed(line).starts_with('{') && !is_logged_json(line);
    return json ? Content::json : Content::other;
}

// A pasted text tells by the first line that is the log's own.
Content content_of(FileReader& file) {
    std::string_view head = file.view(0, k_head);
    if (head.empty()) return Content::empty;
    if (head.substr(0, k_sqlite.size()) == k_sqlite) return Content::sqlite;
    // A segment begins with a checksum record: a frame of 4 or 8 bytes whose first field says type 4.
    if (head.size() >= 10 && head[8] == '\x08' && head[9] == '\x04') return Content::wal_segment;
    if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
    while (!head.empty()) {
        const std::size_t end = std::min(head.find('\n'), head.size());
        std::string_view line = head.substr(0, end);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (const Content content = content_of(line); content != Content::other) return content;
        if (!trimmed(line).empty() && !is_foreign_line(line)) break;
        head.remove_prefix(std::min(end + 1, head.size()));
    }
    return Content::other;
}

// The folder of .snap files of a data directory, of its `member`, or of the db in it.
std::string snap_dir_of(const std::string& path) {
    const std::filesystem::path base(path);
    std::error_code error;
    if (!std::filesystem::is_directory(base, error)) return (base.parent_path() / ".").native();
    for (const char* const inner : {"member/snap", "snap"}) {
        if (std::filesystem::is_directory(base / inner, error)) return (base / inner).native();
    }
    return path;
}

}  // namespace

std::string_view name_of(SourceKind kind) noexcept {
    switch (kind) {
        case SourceKind::table:
            return "store";
        case SourceKind::jsonl:
            return "jsonl";
        case SourceKind::dump_text:
            return "dump-logs";
        case SourceKind::dump_raw:
            return "dump-logs-raw";
        case SourceKind::wal:
            return "wal";
        case SourceKind::dqlite:
            return "dqlite";
    }
    return "";
}

raft::CommitWatch::Known known_commit(const Header& header, std::optional<LogIndex> applied) {
    raft::CommitWatch::Known known;
    known.applied = applied;
    known.member = header.node_id;
    if (header.hard_state) {
        known.commit = header.hard_state->commit;
        // Who votes alone votes for itself.
        if (!known.member) known.member = header.hard_state->vote;
    }
    if (header.has_data && !header.filtered) known.members = header.members;
    known.members_at = header.members_at;
    return known;
}

Findings findings_of(const Source& source, std::optional<LogIndex> committed,
                     std::optional<LogIndex> applied) {
    Findings findings = source.findings();
    for (Finding& f : findings) {
        for (const DamagedEntry& d : source.header().damaged) {
            if (d.where != f.where || (f.code != "crc-mismatch" && f.code != "undecodable-record")) continue;
            if (applied && d.index <= *applied) {
                f.what += "; committed, and the store has applied it";
            } else if (committed) {
                f.what += d.index <= *committed ? "; committed" : "; not known to be committed";
                if (applied) f.what += ", and the store has not applied it";
            }
        }
    }
    return findings;
}

std::unique_ptr<Source> open(const std::string& path, int timeout_ms,
                             const std::optional<std::string>& wal_dir, std::optional<LogIndex> whole) {
    std::error_code error;
    if (wal_dir) {
        const auto wal = find_wal_dir(*wal_dir);
        if (!wal) throw Error(ErrorKind::not_a_store, *wal_dir + ": no .wal files in it");
        return open_wal_dir(*wal, snap_dir_of(path));
    }
    if (std::filesystem::is_directory(path, error)) {
        if (dqlite::is_dqlite(path)) return open_dqlite_dir(path, whole);
        const auto wal = find_wal_dir(path);
        if (!wal) {
            throw Error(ErrorKind::not_a_store,
                        path +
                            ": no .wal files in it, in its wal or in its member/wal; where the server runs "
                            "with --wal-dir, name that folder with --wal-dir");
        }
        return open_wal_dir(*wal);
    }
    std::optional<FileReader> file = FileReader::of_any(path);
    switch (content_of(*file)) {
        case Content::json:
            return open_jsonl(std::move(*file));
        case Content::dump_text:
            return open_dump_text(std::move(*file));
        case Content::dump_raw:
            return open_dump_raw(std::move(*file));
        case Content::empty:
            throw Error(ErrorKind::not_a_store, path + ": an empty file");
        case Content::wal_segment:
            throw Error(ErrorKind::not_a_store,
                        path + ": one segment of a log; name the directory it lies in");
        case Content::sqlite:
            file.reset();  // closed later, it would take SQLite's locks with it
            return open_table(path, timeout_ms);
        case Content::other:
            break;
    }
    throw Error(ErrorKind::not_a_store, path + ": no raft log that kvctl knows");
}

}  // namespace kvctl::raftlog
