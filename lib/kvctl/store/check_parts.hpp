#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "kvctl/base/finding.hpp"
#include "kvctl/mvcc/revision_audit.hpp"
#include "kvctl/store/check.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

// What the layouts' checks (Store::check) share. Not installed.
namespace kvctl::store {

/// SQLite's own integrity_check, a finding a line (`sqlite-integrity`), and what is about the file as a
/// whole: `large-wal`, `free-space`, `trigger`, `extra-column`. `rest` is what there is to check besides: it
/// runs at the same time where a second connection sees the same and there is a core for it, with findings
/// of other codes.
void check_sqlite_file(SqliteStore& store, FindingLog& log, const std::function<void()>& rest);

/// Steps through `columns` of a rowid table in rowid order; column 0 of a row is its rowid. Where a page
/// cannot be read, goes on behind it: the stretch is a finding `unreadable-rows`, and `lost` is called before
/// the next row. `f` returns false to end the walk.
void walk_rows(const sqlite::Database& db, const std::string& table, const std::string& columns,
               FindingLog& log, const std::function<bool(const sqlite::Statement&)>& f,
               const std::function<void()>& lost);

/// For information: live keys whose lease is not among `leases`.
void note_missing_leases(const mvcc::RevisionAudit& audit, const std::unordered_set<std::int64_t>& leases,
                         FindingLog& log);

/// Runs `part`; an Error that is about the data becomes a finding `code` at `where`, others pass.
void attempt(FindingLog& log, const char* code, const std::string& where, const std::function<void()>& part);

[[nodiscard]] Finding finding(Finding::Severity severity, const char* code, std::string where,
                              std::string what);

}  // namespace kvctl::store
