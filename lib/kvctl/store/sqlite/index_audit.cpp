#include "kvctl/store/sqlite/index_audit.hpp"

#include <atomic>
#include <vector>

namespace kvctl::store {

void IndexAudit::begin(const TableInfo& table, std::span<const sqlite::ScanColumn> columns,
                       std::size_t identity) {
    contents_.emplace(table, columns, identity);
    table_ = table.name;
    gathered_ = false;
}

void IndexAudit::gather(const sqlite::Database& db, const std::string& columns) {
    IndexContents::Sums sums = contents_->no_rows();
    db.scan(columns, sqlite::quote_name(table_) + " NOT INDEXED", {},
            [&](const sqlite::Values& row) { contents_->add(row, sums); });
    contents_->merge(sums);
    gathered_ = true;
}

std::string IndexAudit::fault(Connection& connection, const StoreInfo& info, IndexChoice choice,
                              std::int64_t middle) {
    std::vector<IndexContents::Part> parts = contents_->parts(choice, middle);
    std::atomic<std::size_t> next{0};
    on_connections(connection, info.real_path, info.pages >= k_second_from_pages,
                   [&](const sqlite::Database& db, std::size_t, const std::atomic<bool>& failed) {
                       for (std::size_t i = next++; i < parts.size() && !failed; i = next++)
                           contents_->read(db, parts[i]);
                   });
    std::string fault = contents_->fault(parts);
    if (fault.empty() && choice == IndexChoice::all) fault = contents_->fault_of_others(connection.db);
    return fault;
}

}  // namespace kvctl::store
