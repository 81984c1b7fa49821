#pragma once
#include <span>
#include <string>
#include <string_view>

namespace kvctl::sqlite {

/// One column of a scan over a table.
struct ScanColumn {
    enum class What {
        content,
        length,  ///< length(column)
        type,    ///< typeof(column)
    };
    std::string_view name;
    What what = What::content;
};

/// As SQL selects them, comma-separated.
[[nodiscard]] inline std::string sql_of(std::span<const ScanColumn> columns) {
    std::string list;
    for (const ScanColumn& c : columns) {
        if (!list.empty()) list += ", ";
        if (c.what == ScanColumn::What::length) list += "length(";
        if (c.what == ScanColumn::What::type) list += "typeof(";
        list += c.name;
        if (c.what != ScanColumn::What::content) list += ')';
    }
    return list;
}

}  // namespace kvctl::sqlite
