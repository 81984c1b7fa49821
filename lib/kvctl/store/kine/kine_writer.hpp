#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/target.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// Builds a kine database (kine.md) of the rows of something else: each row knows the one it replaces and its
/// value, the compact revision becomes the compact row, a lease the time to live it stands for, and a
/// revision that nothing is stored of gets the row that kine fills a gap with. It is written as kine 0.16.3
/// and later make a new one, and every kine from 0.1 on opens it.
///
/// Leases and counters come before the rows. Memory grows with keys, never with values.
class KineWriter final : public Target {
  public:
    struct Options {
        std::string source;            ///< what the rows are of, for messages
        bool renumber = false;         ///< several rows of one revision get one each; later ones move up
        bool leases_are_ttls = false;  ///< a record's lease is a time to live already
        MainRevision current{0};       ///< of the source: what the new store counts on from
        bool only_counts = false;      ///< nothing is made: what the warnings would be is all that is wanted
    };
    KineWriter(std::string path, Options options);

    void add(const mvcc::Record& record) override;
    void add(const Lease& lease) override;
    void set_meta(std::string_view name, std::int64_t value) override;
    void finish() override;
    [[nodiscard]] MainRevision moved(MainRevision revision) const override;
    [[nodiscard]] MainRevision current(MainRevision of_source) const override;
    [[nodiscard]] std::vector<std::string> warnings() const override;

  private:
    struct Last {
        std::int64_t id = 0;
        std::int64_t create = 0;  // id of the row that created the key
        bool live = false;
    };
    struct Row {
        std::int64_t id = 0;
        std::string_view name;
        bool created = false;
        bool deleted = false;
        std::int64_t create = 0;
        std::int64_t previous = 0;
        std::int64_t lease = 0;
        std::optional<std::string_view> value;
        bool with_old_value = false;
    };
    [[nodiscard]] std::int64_t id_for(mvcc::Revision revision);
    [[nodiscard]] std::int64_t first_of(std::int64_t main) const;
    /// An id below `below` that no row has, as close under `near` as can be; nullopt: there is none.
    [[nodiscard]] std::optional<std::int64_t> gone_id(std::int64_t near, std::int64_t below) const;
    [[nodiscard]] std::int64_t compacted() const noexcept;
    [[nodiscard]] std::int64_t ttl_of(std::int64_t lease);
    void insert(const Row& row);
    /// Gap rows for the ids above the compact revision that have none, from the last row on to before `end`.
    void fill_gaps(std::int64_t end, std::int64_t except = 0);
    void insert_gap(std::int64_t id);

    std::string path_;
    Options options_;
    struct Made {
        explicit Made(const std::string& path)
            : file(path), db(sqlite::Database::open(file.path(), sqlite::Database::Mode::create)) {}
        TempFile file;
        sqlite::Database db;
    };
    std::optional<Made> made_;  // nullopt: only counted
    std::optional<sqlite::Statement> insert_;
    std::unordered_map<std::string, Last> last_;
    std::unordered_map<std::int64_t, std::int64_t> ttls_;
    std::optional<std::int64_t> finished_;   // compact revision
    std::optional<std::int64_t> scheduled_;  // of the last compaction asked for
    // Where ids ran ahead of mains: main, and by how much from the next one on.
    std::vector<std::pair<std::int64_t, std::int64_t>> moves_;
    std::int64_t ahead_ = 0;
    std::optional<std::int64_t> main_;  // of the last row
    std::int64_t id_ = 0;               // of the last row
    MainRevision current_{0};           // complete
    bool first_id_taken_ = false;
    std::uint64_t markers_ = 0;
    std::uint64_t renamed_ = 0;
    std::uint64_t lost_leases_ = 0;
    std::uint64_t orphans_ = 0;
    std::uint64_t created_anew_ = 0;
    std::uint64_t gaps_ = 0;
    std::uint64_t unfilled_ = 0;
    std::vector<std::int64_t> ids_;  // of the rows so far
};

/// An empty table as kine 0.16.3 and later make it.
void create_kine_table(const sqlite::Database& db);
/// Whether two rows of one name replace the same one: then kine's unique index cannot be made.
[[nodiscard]] bool rows_share_previous(const sqlite::Database& db);
/// The indexes of the table once its rows are there, the unique one only where `unique`.
void create_kine_indexes(const sqlite::Database& db, bool unique = true);

}  // namespace kvctl::store
