#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/kube/names.hpp"
#include "kvctl/kube/times.hpp"
#include "kvctl/report/churn_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

/// Where a window begins in time: at an instant, or so long before the newest time in the store.
struct Since {
    std::optional<kube::Time> at;
    std::int64_t before_newest = 0;  ///< microseconds
};

struct ChurnRequest {
    std::string path;
    store::OpenOptions open;
    kube::By by = kube::By::key;
    std::string under;  ///< only keys that begin so
    std::optional<MainRevision> from;
    std::optional<MainRevision> to;
    std::optional<Since> since;
    std::optional<std::size_t> top;  ///< rows; nullopt: all
};

/// Counts who writes what, in one pass over the values; with `since` in two. Throws as open_store() does,
/// usage and future_revision for a window that cannot be, refused when `since` meets a store without a clock.
/// `clock`, where one is asked for, gets the store's: the same pass reads it.
[[nodiscard]] report::ChurnReport measure_churn(const ChurnRequest& request, Progress* progress,
                                                kube::Timeline* clock = nullptr);

}  // namespace kvctl::jobs
