#pragma once
#include <memory>
#include <optional>

#include "kvctl/base/strong.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/mvcc/hash.hpp"
#include "kvctl/report/hash_report.hpp"

namespace kvctl::jobs {

struct HashRequest {
    MainRevision at{0};                          ///< 0: the current revision
    std::optional<MainRevision> if_compacted{};  ///< the hash the store would have once compacted to it
    bool per_key = false;
};

struct HashResult {
    std::unique_ptr<mvcc::KvHash> hash;  ///< whose index names the report's keys
    report::HashReport report;
};

/// etcd's HashKV. Throws refused for a layout without versions, future_revision and compacted.
[[nodiscard]] HashResult hash(OpenedStore& opened, const HashRequest& asked);

}  // namespace kvctl::jobs
