#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/sqlite/database.hpp"

namespace kvctl::store {

/// The name of the row of table kine that holds the compact revision.
inline constexpr std::string_view k_compact_row_name = "compact_rev_key";

/// The one index of a table kine in k8s-dqlite's stores.
inline constexpr std::string_view k_dqlite_index = "k8s_dqlite_name_del_index";

struct Column {
    std::string name;
    std::string type;
    bool has_default = false;
    bool generated = false;
    std::int64_t primary_key = 0;  ///< position in the primary key, from 1; 0: not part of it
};

struct IndexInfo {
    std::string name;
    std::string sql;                   ///< empty for one that a constraint made
    std::vector<std::string> columns;  ///< an empty name: an expression
    bool unique = false;
    bool partial = false;

    /// Whether it is over these columns, in this order, and no others.
    [[nodiscard]] bool is_on(const std::vector<std::string_view>& wanted) const noexcept;
};

/// A table as it stands in the schema.
struct TableInfo {
    std::string name;
    std::string sql;
    std::vector<Column> columns;
    std::vector<IndexInfo> indexes;
    std::vector<std::string> triggers;
    bool without_rowid = false;

    [[nodiscard]] const Column* column(std::string_view wanted) const noexcept;
    [[nodiscard]] bool has_columns(std::span<const std::string_view> wanted) const noexcept;
    /// Whether an index over all rows begins with this column.
    [[nodiscard]] bool indexed_by(std::string_view wanted) const noexcept;
    /// Quoted and comma-separated, generated ones left out.
    [[nodiscard]] std::string column_list() const;
};

/// What SQLite makes of a value that is stored in a column of a declared type.
enum class Affinity { text, blob, real, numeric };
[[nodiscard]] Affinity affinity_of(std::string_view declared_type) noexcept;

/// Names of columns as SQLite compares them: ASCII letters in either case are the same.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] bool is_one_of(std::span<const std::string_view> names, std::string_view name) noexcept;

/// The columns of table kine, and of table revision in a native store.
inline constexpr std::array<std::string_view, 9> k_kine_columns{
    "id", "name", "created", "deleted", "create_revision", "prev_revision", "lease", "value", "old_value"};
inline constexpr std::array<std::string_view, 8> k_native_columns{
    "main", "sub", "tombstone", "key", "create_revision", "version", "lease", "value"};

/// nullopt: there is no ordinary table of that name (a view or virtual table is none).
[[nodiscard]] std::optional<TableInfo> read_table(const sqlite::Database& db, const std::string& name);

/// Throws not_a_store when one of a layout's own `columns` is generated, so that reading it
/// would run an expression of the file's, or when a column hides the rowid, by which rows are read.
void refuse_odd_columns(const TableInfo& table, const std::string& path,
                        std::span<const std::string_view> columns);

/// Names of the ordinary tables, SQLite's own left out.
[[nodiscard]] std::vector<std::string> table_names(const sqlite::Database& db);

/// Pages that a table with its indexes would take when packed, from what it takes now. Reads the table's
/// pages.
[[nodiscard]] std::uint64_t packed_pages(const sqlite::Database& db, const std::string& table,
                                         std::uint64_t usable_size);

}  // namespace kvctl::store
