#pragma once
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/hint.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/report/status_report.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

/// What may be done about a store whose status is `status`, most pressing first; its layout's own hints and
/// the first findings behind. `open`: how it was opened, for commands about it.
[[nodiscard]] std::vector<Hint> advice(store::Store& store, const store::StoreHead& head,
                                       const mvcc::TreeIndex& index, const report::StatusReport& status,
                                       const Findings& findings, const store::OpenOptions& open);

}  // namespace kvctl::jobs
