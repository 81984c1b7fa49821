#pragma once
#include <string>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/schema.hpp"

namespace kvctl::store {

/// Which indexes of a table are looked at.
enum class IndexChoice {
    all,
    by_constraint,  ///< only those that a constraint made: the others are about to be built anew
};

/// Compares what each index holds with the rows of the table, in one pass over either. Throws damaged, naming
/// `path` and the index, where an index lacks a row, has one too many, or one with other values: SQLite reads
/// an index without ever doubting it.
void check_indexes(const sqlite::Database& db, const TableInfo& table, const std::string& path,
                   IndexChoice choice);

}  // namespace kvctl::store
