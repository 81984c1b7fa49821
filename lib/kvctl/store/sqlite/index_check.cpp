#include "kvctl/store/sqlite/index_check.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/sqlite/page_row.hpp"

namespace kvctl::store {
namespace {

// The one partial index that servers make. Others are left to SQLite: their condition is text of the file,
// which is never run here.
constexpr std::string_view k_known_condition = "name != 'compact_rev_key' AND prev_revision != 0";

std::uint64_t mixed(std::uint64_t h) noexcept {
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93U;
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93U;
    return h ^ (h >> 32);
}

template <class Cell>
std::uint64_t hash_of(const Cell& v) noexcept {
    const sqlite::Type type = v.type();
    const std::uint64_t h = static_cast<std::uint64_t>(type) + 1;
    if (type == sqlite::Type::null) return h;
    if (type == sqlite::Type::integer) return mixed(h ^ (static_cast<std::uint64_t>(v.integer()) << 3));
    return mixed(h ^ std::hash<std::string_view>{}(v.bytes()));
}

bool is_known_condition(const IndexInfo& index) {
    const std::string wanted = ") WHERE " + std::string(k_known_condition);
    return index.sql.ends_with(wanted) && std::count(index.sql.begin(), index.sql.end(), '(') == 1;
}

std::vector<std::string> sql_of_each(std::span<const sqlite::ScanColumn> columns) {
    std::vector<std::string> all;
    for (const sqlite::ScanColumn& c : columns) all.push_back(sqlite::sql_of({&c, 1}));
    return all;
}

std::optional<std::size_t> place_of(const std::vector<std::string>& list, std::string_view name) {
    const auto place = std::find(list.begin(), list.end(), name);
    if (place == list.end()) return std::nullopt;
    return static_cast<std::size_t>(place - list.begin());
}

}  // namespace

IndexContents::IndexContents(const TableInfo& table, std::span<const sqlite::ScanColumn> scanned,
                             std::size_t identity)
    : table_(table.name), scanned_(sql_of_each(scanned)), identity_(identity) {
    for (std::size_t i = 0; i < identity; ++i) wanted_.push_back(i);
    const std::optional<std::size_t> name = place_of(scanned_, "name");
    const std::optional<std::size_t> previous = place_of(scanned_, "prev_revision");
    for (const IndexInfo& i : table.indexes) {
        const auto is = [&](auto what) { return std::any_of(i.columns.begin(), i.columns.end(), what); };
        // What a generated column holds is computed by text of the file.
        if (is([&](const std::string& c) {
                const Column* const column = table.column(c);
                return column != nullptr && column->generated;
            })) {
            continue;
        }
        Compared c{i.name, i.sql.empty(), std::nullopt, false, {}, {}};
        for (const std::string& column : i.columns) {
            if (const auto place = place_of(scanned_, column)) c.columns.push_back(*place);
        }
        if (i.partial && is_known_condition(i) && name && previous) c.condition = {*name, *previous};
        if (c.columns.size() != i.columns.size() || (i.partial && !c.condition)) {
            others_ = true;
            continue;
        }
        c.halves = c.columns.front() == 0 && !i.partial;
        wanted_.insert(wanted_.end(), c.columns.begin(), c.columns.end());
        compared_.push_back(std::move(c));
    }
    std::sort(wanted_.begin(), wanted_.end());
    wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
}

void IndexContents::add_entry(const Compared& index, const std::vector<std::uint64_t>& hashes,
                              Sum& sum) const noexcept {
    std::uint64_t h = 0;
    for (std::size_t i = 0; i < identity_; ++i) h = mixed(h + hashes[i]);
    for (const std::size_t c : index.columns) h = mixed(h + hashes[c]);
    ++sum.rows;
    sum.sum += h;
}

template <class Row>
void IndexContents::add(const Row& row, Sums& sums) const {
    for (const std::size_t c : wanted_) sums.hashes[c] = hash_of(row[c]);
    for (std::size_t i = 0; i < compared_.size(); ++i) {
        const Compared& index = compared_[i];
        if (index.condition) {
            const auto name = row[index.condition->name];
            const auto previous = row[index.condition->previous];
            if (name.null() || (name.type() == sqlite::Type::text && name.bytes() == k_compact_row_name) ||
                previous.null() || (previous.type() == sqlite::Type::integer && previous.integer() == 0)) {
                continue;
            }
        }
        add_entry(index, sums.hashes, sums.of[i]);
    }
}

template void IndexContents::add(const sqlite::Values& row, Sums& sums) const;
template void IndexContents::add(const sqlite::PageRow& row, Sums& sums) const;

void IndexContents::merge(const Sums& sums) {
    for (std::size_t i = 0; i < compared_.size(); ++i) {
        compared_[i].in_table.rows += sums.of[i].rows;
        compared_[i].in_table.sum += sums.of[i].sum;
    }
}

std::vector<IndexContents::Part> IndexContents::parts(IndexChoice choice, std::int64_t middle) const {
    std::vector<Part> all;
    for (std::size_t i = 0; i < compared_.size(); ++i) {
        const Compared& c = compared_[i];
        if (choice == IndexChoice::by_constraint && !c.by_constraint) continue;
        const std::string source = sqlite::quote_name(table_) + " INDEXED BY " + sqlite::quote_name(c.name);
        if (c.condition) {
            all.push_back({i, source + " WHERE " + std::string(k_known_condition), {}});
        } else if (c.halves) {
            const std::string at = std::to_string(middle);
            all.push_back({i, source + " WHERE " + scanned_[0] + " <= " + at, {}});
            all.push_back({i, source + " WHERE " + scanned_[0] + " > " + at, {}});
        } else {
            all.push_back({i, source, {}});
        }
    }
    return all;
}

void IndexContents::read(const sqlite::Database& db, Part& part) const {
    check_interrupt();
    const Compared& index = compared_[part.which];
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < identity_; ++i) columns.push_back(i);
    columns.insert(columns.end(), index.columns.begin(), index.columns.end());
    std::string list;
    for (const std::size_t c : columns) list += (list.empty() ? "" : ", ") + scanned_[c];
    std::vector<std::uint64_t> hashes(scanned_.size());
    db.scan(list, part.source, {}, [&](const sqlite::Values& row) {
        for (std::size_t i = 0; i < columns.size(); ++i) hashes[columns[i]] = hash_of(row[i]);
        add_entry(index, hashes, part.found);
    });
}

std::string IndexContents::fault(const std::vector<Part>& parts) const {
    std::vector<Sum> found(compared_.size());
    for (const Part& p : parts) {
        found[p.which].rows += p.found.rows;
        found[p.which].sum += p.found.sum;
    }
    for (const Part& p : parts) {
        const Compared& c = compared_[p.which];
        if (found[p.which].rows != c.in_table.rows) {
            return fmt::format("the index {} holds {} rows where the table has {}", escape(c.name),
                               group_digits(found[p.which].rows), group_digits(c.in_table.rows));
        }
        if (found[p.which].sum != c.in_table.sum)
            return fmt::format("the index {} holds other values than the table", escape(c.name));
    }
    return {};
}

std::string IndexContents::fault_of_others(const sqlite::Database& db) const {
    if (!others_) return {};
    sqlite::Statement s = db.prepare("PRAGMA integrity_check(" + sqlite::quote_name(table_) + ")");
    if (s.step() && s.bytes(0) != "ok") return "damaged: " + escape(s.bytes(0));
    return {};
}

}  // namespace kvctl::store
