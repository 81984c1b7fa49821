#pragma once
#include <string>
#include <vector>

namespace kvctl::test {

/// Runs SQL statements on a file, which is made when it is not there. In WAL mode the -wal is moved into the
/// file when this returns.
void run_sql(const std::string& path, const std::string& sql);

/// Runs a script of testdata/stores/ on a file.
void run_script(const std::string& path, const std::string& script);

/// The rows of a query, each with its values as SQL literals joined by '|'. Leaves no trace beside the file;
/// a -wal is read as well.
[[nodiscard]] std::vector<std::string> query(const std::string& path, const std::string& sql);
/// The first value of the first row, as it is.
[[nodiscard]] std::string query_one(const std::string& path, const std::string& sql);

}  // namespace kvctl::test
