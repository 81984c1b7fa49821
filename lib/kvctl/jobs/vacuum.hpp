#pragma once
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/report/vacuum_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct VacuumRequest {
    std::string path;
    store::OpenOptions open{};
    std::optional<std::string> backup{};  ///< a new file: the store as it was
};

/// What vacuum() would give back, from the store opened for reading: a holder or a full disk that would stop
/// it is the report's refusal.
[[nodiscard]] report::VacuumReport forecast_vacuum(const VacuumRequest& request, Progress* progress);

/// Gives free space back to the file system.
[[nodiscard]] report::VacuumReport vacuum(const VacuumRequest& request, Progress* progress);

}  // namespace kvctl::jobs
