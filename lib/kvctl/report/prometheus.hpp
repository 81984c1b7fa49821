#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/report/status_report.hpp"

namespace kvctl::report {

/// One store of a scrape.
struct Scraped {
    std::string path;                    ///< as it was given: the label of its metrics
    std::optional<StatusReport> status;  ///< nullopt: it could not be read
};

/// The text format of Prometheus, version 0.0.4, as node_exporter's textfile collector takes it: gauges named
/// `kvctl_store_…`, a group each, a sample for each store. A path that comes again is left out: no series may
/// appear twice. `keep_last` is what the prediction in each status keeps, `now` a Unix time.
void write_prometheus(std::ostream& out, const std::vector<Scraped>& stores, std::uint64_t keep_last,
                      std::int64_t now);

}  // namespace kvctl::report
