#include "kvctl/store/salvage.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/dqlite/log.hpp"
#include "kvctl/dqlite/rescue.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/dqlite/leaf.hpp"
#include "kvctl/store/kine/kine_writer.hpp"
#include "kvctl/store/locate.hpp"

namespace kvctl::store {
namespace {

constexpr std::size_t k_columns = 9;
using LeafType = LeafValue::Type;

// A row of table kine as SQLite stores it: the id is the rowid, and NULL in the record.
bool is_kine_row(const LeafRow& row) {
    if (row.values.size() != k_columns || row.rowid <= 0) return false;
    const auto is = [&](std::size_t column, std::initializer_list<LeafType> types) {
        return std::find(types.begin(), types.end(), row.values[column].type) != types.end();
    };
    if (!is(0, {LeafType::null}) || !is(1, {LeafType::text})) return false;
    for (std::size_t column = 2; column < 7; ++column) {
        if (!is(column, {LeafType::integer, LeafType::null})) return false;
    }
    return is(7, {LeafType::blob, LeafType::text, LeafType::null}) &&
           is(8, {LeafType::blob, LeafType::text, LeafType::null});
}

// Rows on the pages that one run of entries wrote after the other. kine never changes a row but the compact
// one: a row on a page of the run is what it always was, and it is gone when its page no longer has it.
class Rescued {
  public:
    Rescued(std::string database, std::int64_t above) : database_(std::move(database)), above_(above) {}

    void take(std::uint64_t stretch, const dqlite::Frames& f) {
        if (database_.empty()) database_ = f.database;
        if (f.database != database_) {
            other_ = f.database;
            return;
        }
        if (std::exchange(stretch_, stretch) != stretch) {
            pages_.clear();
            rows_on_.clear();
        }
        for (std::uint32_t i = 0; i < f.pages; ++i)
            pages_[static_cast<std::uint32_t>(f.number(i))] = std::string(f.content(i));
        // All rows of the pages that change first: one may move from page to page.
        for (std::uint32_t i = 0; i < f.pages; ++i) {
            for (const std::int64_t id : rows_on_[static_cast<std::uint32_t>(f.number(i))]) rows_.erase(id);
        }
        for (std::uint32_t i = 0; i < f.pages; ++i) read(static_cast<std::uint32_t>(f.number(i)));
    }

    [[nodiscard]] const std::map<std::int64_t, LeafRow>& rows() const noexcept { return rows_; }
    [[nodiscard]] const std::string& database() const noexcept { return database_; }
    /// One that was passed over; empty: there is none.
    [[nodiscard]] const std::string& other() const noexcept { return other_; }
    [[nodiscard]] std::uint64_t incomplete() const noexcept { return incomplete_; }

  private:
    void read(std::uint32_t number) {
        std::vector<std::int64_t>& on = rows_on_[number];
        on.clear();
        LeafRows leaf = read_leaf(pages_[number], [&](std::uint32_t page) -> std::optional<std::string_view> {
            const auto found = pages_.find(page);
            return found == pages_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
        });
        incomplete_ += leaf.incomplete;
        for (LeafRow& row : leaf.rows) {
            if (row.rowid <= above_ || !is_kine_row(row)) continue;
            on.push_back(row.rowid);
            rows_.insert_or_assign(row.rowid, std::move(row));
        }
    }
    std::string database_;
    std::string other_;
    std::int64_t above_;
    std::uint64_t stretch_ = 0;
    std::unordered_map<std::uint32_t, std::string> pages_;
    std::unordered_map<std::uint32_t, std::vector<std::int64_t>> rows_on_;
    std::map<std::int64_t, LeafRow> rows_;
    std::uint64_t incomplete_ = 0;
};

// What `open` gives; none where there is damage before all else.
template <class Open>
std::unique_ptr<DqliteStore> unless_damaged(const Open& open, std::string& why) {
    try {
        return open();
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::not_a_store) throw;
        if (why.empty()) why = e.what();
        return nullptr;
    }
}

// The state as far as the log can be applied, or else what a snapshot holds; none where there is neither.
std::unique_ptr<DqliteStore> state_of(const std::string& path, const OpenOptions& options, std::string& why) {
    auto store = unless_damaged([&] { return open_dqlite(path, options); }, why);
    if (store) return store;
    return unless_damaged(
        [&]() -> std::unique_ptr<DqliteStore> {
            std::optional<dqlite::State> state = dqlite::salvage_state(locate_store(path));
            return state ? open_state(*std::move(state), path, options) : nullptr;
        },
        why);
}

void bind(sqlite::Statement& s, int parameter, const LeafValue& v) {
    if (v.type == LeafType::integer) {
        s.bind(parameter, v.integer);
    } else if (v.type == LeafType::text) {
        s.bind_text(parameter, v.bytes);
    } else if (v.type == LeafType::blob) {
        s.bind_blob(parameter, v.bytes);
    } else {
        s.bind_null(parameter);
    }
}

void add_rows(sqlite::Database& db, const std::map<std::int64_t, LeafRow>& rows) {
    sqlite::Statement insert =
        db.prepare("INSERT OR IGNORE INTO kine VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    db.exec("BEGIN");
    for (const auto& [id, row] : rows) {
        insert.reset();
        insert.bind(1, id);
        for (int column = 1; column < static_cast<int>(k_columns); ++column)
            bind(insert, column + 1, row.values[static_cast<std::size_t>(column)]);
        insert.run();
    }
    db.exec("COMMIT");
}

// Revisions above the state's that no row came back of. What kine removed itself cannot be told from them.
void add_lost(std::int64_t current, const std::map<std::int64_t, LeafRow>& rows,
              std::vector<LostRange>& lost) {
    std::int64_t next = current + 1;
    for (const auto& [id, row] : rows) {
        if (id > next) lost.push_back({next, id - 1, {}});
        next = id + 1;
    }
}

}  // namespace

Salvaged salvage_dqlite(const std::string& path, const OpenOptions& options, const TempFile& made,
                        Progress* progress) {
    std::string why;
    const std::unique_ptr<DqliteStore> store = state_of(path, options, why);
    const dqlite::Folder folder = store ? store->state().folder : dqlite::list_folder(resolve_path(path));
    const std::int64_t current = store ? store->head().current.value() : 0;
    Rescued rescued(store ? store->database() : options.member.value_or(""), current);
    const bool everything = store && store->state().complete && folder.set_aside.empty();
    if (!everything) {
        dqlite::rescue_frames(
            folder, store ? store->state().applied : LogIndex(0),
            [&](std::uint64_t stretch, const dqlite::Frames& f) { rescued.take(stretch, f); });
    }
    if (!store && !options.member && !rescued.other().empty()) {
        throw usage_error(
            fmt::format("{}: no state can be had, and its log is of several databases ({}, {}); say which "
                        "with --member NAME",
                        path, escape(rescued.database()), escape(rescued.other())));
    }
    if (!store && rescued.rows().empty()) throw Error(ErrorKind::damaged, why + "; no row can be had of it");
    const TempFile all(made.path());
    if (store) store->copy_pages(all);
    {
        sqlite::Database db = sqlite::Database::open(all.path(), sqlite::Database::Mode::create);
        for (const char* const sql :
             {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"})
            db.exec(sql);
        if (!store) create_kine_table(db);
        if (!rescued.rows().empty()) add_rows(db, rescued.rows());
        db.close();
    }
    Salvaged salvaged = salvage_sqlite(path, all.path(), Layout::kine, made, progress);
    add_lost(current, rescued.rows(), salvaged.lost);
    if (!store) salvaged.warnings.push_back("no state can be had: " + why);
    if (store && !why.empty()) {
        const dqlite::State& state = store->state();
        salvaged.warnings.push_back(
            fmt::format("{}; the state is {}'s, as of entry {}", why,
                        state.snapshot ? state.snapshot->name : std::string("the log"), state.applied));
    }
    if (!rescued.rows().empty()) {
        salvaged.warnings.push_back(
            fmt::format("{} from entries behind damage or in files that dqlite set aside",
                        many(rescued.rows().size(), "row")));
    }
    if (rescued.incomplete() > 0) {
        salvaged.warnings.push_back(fmt::format("{} stand in part on pages that are lost, and are left out",
                                                many(rescued.incomplete(), "row")));
    }
    return salvaged;
}

}  // namespace kvctl::store
