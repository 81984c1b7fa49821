#pragma once
#include <span>
#include <string>
#include <string_view>

namespace kvctl::fuzz {

enum class Form { native, kine };

/// The bytes of a small sound store; there are k_templates of each form: page sizes, indexes, order of rows,
/// age of the schema, text encoding differ.
[[nodiscard]] const std::string& template_store(Form form, unsigned which);
inline constexpr unsigned k_templates = 4;

/// SQL that no server would run on its store: triggers, views, virtual tables, generated columns, checks,
/// collations, statistics, schema text that hides a second statement.
[[nodiscard]] std::span<const std::string_view> hostile_sql(Form form) noexcept;

/// A database and the -wal beside it; an empty one is none.
struct StoreFiles {
    std::string database;
    std::string wal;
    /// Puts them at `path` in place of what stands there. A -journal or -shm there goes.
    void write(const std::string& path) const;
};

/// With everything that SQLite keeps beside it.
void remove_store(const std::string& path);

/// A store as an input describes it: a byte for the template, then edits until the bytes are used up. Each is
/// a byte that says which edit, then its operands:
/// 0 set a column of a row, 1 copy a row to another revision, 2 delete a row, 3 set a counter or compact row,
/// 4 run one of hostile_sql(), 5 flip bits of a byte, 6 overwrite four bytes, 7 cut the file short,
/// 8 set a byte of the header, 9 write into the schema's text, 10 swap two pages.
/// Edits that SQLite refuses are left out. Where the first byte has its highest bit set, the edits stand in a
/// -wal beside the template, and there are two more: 11 flips bits of a byte of the -wal, 12 cuts it short.
[[nodiscard]] StoreFiles edited_store(Form form, std::string_view input);

}  // namespace kvctl::fuzz
