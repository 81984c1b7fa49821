#pragma once
#include <optional>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/report/store_report.hpp"
#include "kvctl/store/page_map.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

/// Cells of a picture from the pages of a file. Not installed.
[[nodiscard]] report::PagePicture picture_of(const store::PageMap& map);

/// The same of a store whose load() gave `index`; nullopt where its layout cannot tell.
[[nodiscard]] std::optional<report::PagePicture> draw_pages(store::Store& store, const mvcc::TreeIndex& index,
                                                            Progress* progress);

}  // namespace kvctl::jobs
