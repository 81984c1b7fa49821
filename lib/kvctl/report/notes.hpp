#pragma once
#include <functional>
#include <string>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/mvcc/record.hpp"

namespace kvctl::report {

/// What goes with any report: in JSON part of the document, in text for stderr.
struct Notes {
    std::vector<std::string> warnings;
    Findings findings;
};

/// Fetches a stored record; throws when it is not there. The view lives until the next call.
using RecordReader = std::function<mvcc::Record(mvcc::Revision)>;

}  // namespace kvctl::report
