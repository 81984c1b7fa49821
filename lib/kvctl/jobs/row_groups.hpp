#pragma once
#include <map>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/usage.hpp"
#include "kvctl/report/usage_report.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

struct GroupedRows {
    mvcc::RowGroups groups;
    std::map<std::string, report::DuReport::OldValues> old_values;  ///< by encryption, in kine's rows
};

/// Puts each row of a store under a name by what its value is, in one pass over the values: `by` is
/// "resource", "kind", "namespace", "manager", or "encryption". A tombstone goes with the row before it,
/// under manager with the unknown. By encryption only secrets, config maps and resources with an encrypted
/// value are in a group.
[[nodiscard]] GroupedRows group_rows(store::Store& store, const mvcc::TreeIndex& index, const std::string& by,
                                     Progress* progress);

}  // namespace kvctl::jobs
