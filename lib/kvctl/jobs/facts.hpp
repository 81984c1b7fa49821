#pragma once
#include <string>

#include "kvctl/report/compaction_report.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

/// The file as reports tell it.
[[nodiscard]] inline report::StoreFacts facts_of(const store::StoreInfo& info) {
    return {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size, info.free_pages};
}

}  // namespace kvctl::jobs
