#include "kvctl/raftlog/table.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string_view>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/finding.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/holders.hpp"

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;

// Byte 18 of an SQLite file: 2 when a write-ahead log is in use.
bool in_wal_mode(const std::string& path) {
    FileReader file(path);
    const std::string_view head = file.view(0, 20);
    return head.size() == 20 && head[18] == '\x02';
}

sqlite::Database connect(const std::string& path, int timeout_ms) {
    const std::string real = std::filesystem::canonical(path).native();
    const bool lockless = in_wal_mode(real) && !sqlite::find_holders(real, false).any();
    auto db = sqlite::Database::open(
        real, lockless ? sqlite::Database::Mode::lockless : sqlite::Database::Mode::read);
    db.show_as(path);
    db.busy_timeout(timeout_ms);
    db.exec("BEGIN");
    return db;
}

class Table final : public Source {
  public:
    explicit Table(sqlite::Database& db) : db_(&db) { read_header(); }
    explicit Table(sqlite::Database&& db) : own_(std::move(db)), db_(&*own_) { read_header(); }

    [[nodiscard]] const Header& header() const override { return header_; }
    [[nodiscard]] Findings findings() const override { return findings_.take(); }

    void each(Want /*want*/, const std::function<bool(const Item&)>& f) override {
        findings_ = header_findings_;
        // Indexes from 2^63 on are stored with their sign bit set: they come last.
        for (const char* const half : {"idx >= 0", "idx < 0"}) {
            if (!each_of(half, f)) return;
        }
    }

  private:
    bool each_of(const char* half, const std::function<bool(const Item&)>& f) {
        auto rows = db_->prepare(std::string("SELECT idx, term, type, data FROM raft_entry WHERE ") + half +
                                 " ORDER BY idx");
        std::uint64_t n = 0;
        while (rows.step()) {
            if ((++n & 1023) == 0) check_interrupt();
            Item item;
            if (take(rows, item) && !f(item)) return false;
        }
        return true;
    }

    bool take(const sqlite::Statement& row, Item& out) {
        const auto index = static_cast<std::uint64_t>(row.integer(0));
        const auto complain = [&](const std::string& what) {
            findings_.add({Severity::error, "bad-raft-row",
                           fmt::format("{}, raft_entry {}", header_.path, index), what});
            return false;
        };
        if (row.type(1) != sqlite::Type::integer) return complain("term is no integer");
        if (row.type(2) != sqlite::Type::integer) return complain("type is no integer");
        if (!row.null(3) && row.type(3) != sqlite::Type::blob) return complain("data is no blob");
        const auto type = raft::entry_type(static_cast<std::uint64_t>(row.integer(2)));
        if (!type) return complain(fmt::format("type {} is unknown", row.integer(2)));
        out.data = row.bytes(3);
        out.data_present = !row.null(3);
        out.facts = {LogIndex{index}, Term{static_cast<std::uint64_t>(row.integer(1))}, *type, {}, {}};
        out.facts.request = raft::classify(out.entry());
        out.facts.bytes = raft::encoded_size(out.entry());
        return true;
    }

    void read_header() {
        header_.kind = SourceKind::table;
        header_.path = db_->path();
        if (!has_table(*db_)) {
            throw Error(ErrorKind::not_a_store, header_.path + ": holds no raft log (no table raft_entry)");
        }
        for (const std::string table : {"raft_entry", "meta"}) {
            sqlite::Statement columns = db_->prepare("PRAGMA main.table_xinfo(" + table + ")");
            bool generated = false;
            while (columns.step()) generated = generated || columns.integer(6) > 1;
            if (!generated) continue;
            throw Error(
                ErrorKind::not_a_store,
                fmt::format("{}: table {} has a generated column: its values are computed, not stored",
                            header_.path, table));
        }
        const auto meta = read_meta();
        const auto value = [&](std::string_view name) {
            const auto it = meta.find(name);
            return it == meta.end() ? std::nullopt : std::optional(it->second);
        };
        if (const auto applied = value("consistent_index")) header_.consistent_index = LogIndex{*applied};
        header_.node_id = value("raft_member_id");
        header_.cluster_id = value("raft_cluster_id");
        read_members(meta);
        const auto term = value("raft_term");
        const auto vote = value("raft_vote");
        const auto commit = value("raft_commit");
        if (term || vote || commit) {
            header_.hard_state =
                raft::HardState{Term{term.value_or(0)}, vote.value_or(0), LogIndex{commit.value_or(0)}};
        }
        if (const auto index = value("raft_snapshot_index")) {
            const auto snapshot_term = value("raft_snapshot_term");
            header_.snapshot.index = LogIndex{*index};
            if (snapshot_term || *index == 0) header_.snapshot.term = Term{snapshot_term.value_or(0)};
            header_.snapshot_stored = true;
        } else {
            guess_snapshot();
        }
        if (!header_.members && header_.snapshot.index == LogIndex{0}) header_.members.emplace();
    }

    void guess_snapshot() {
        const std::optional<std::int64_t> smallest =
            db_->integer("SELECT min(idx) FROM raft_entry WHERE idx >= 0");
        const std::int64_t first = smallest.value_or(1);
        header_.snapshot.index = LogIndex{first == 0 ? 0 : static_cast<std::uint64_t>(first) - 1};
        if (first <= 1) header_.snapshot.term = Term{0};
    }

    // As import found them in the db.
    void read_members(const std::map<std::string, std::uint64_t, std::less<>>& meta) {
        constexpr std::string_view k_row = "member_";
        for (auto it = meta.lower_bound(k_row); it != meta.end() && it->first.starts_with(k_row); ++it) {
            if (!header_.members) header_.members.emplace();
            const auto id = parse_hex(std::string_view(it->first).substr(k_row.size()));
            if (id && it->second == 1) header_.members->voters.push_back(*id);
        }
        const auto at = meta.find("members_index");
        if (at != meta.end()) header_.members_at = LogIndex{at->second};
    }

    std::map<std::string, std::uint64_t, std::less<>> read_meta() {
        std::map<std::string, std::uint64_t, std::less<>> out;
        if (!db_->integer("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'")) return out;
        auto rows = db_->prepare("SELECT name, value FROM meta");
        while (rows.step()) {
            const std::string name(rows.bytes(0));
            if (rows.type(1) == sqlite::Type::integer) {
                out.emplace(name, static_cast<std::uint64_t>(rows.integer(1)));
            } else if (name.starts_with("raft_") || name == "consistent_index" || name == "members_index") {
                header_findings_.add({Severity::error, "bad-meta-row", header_.path + ", meta " + name,
                                      "the value is no integer"});
            }
        }
        return out;
    }

    std::optional<sqlite::Database> own_;
    sqlite::Database* db_;
    Header header_;
    FindingLog header_findings_;
    FindingLog findings_;
};

}  // namespace

bool has_table(const sqlite::Database& db) {
    return db.integer("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'raft_entry'").has_value();
}

std::unique_ptr<Source> open_table(sqlite::Database& db) {
    return std::make_unique<Table>(db);
}

std::unique_ptr<Source> open_table(const std::string& path, int timeout_ms) {
    return std::make_unique<Table>(connect(path, timeout_ms));
}

}  // namespace kvctl::raftlog
