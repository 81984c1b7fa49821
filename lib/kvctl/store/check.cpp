#include "kvctl/store/check.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/store/check_parts.hpp"

namespace kvctl::store {

Finding finding(Finding::Severity severity, const char* code, std::string where, std::string what) {
    Finding f;
    f.severity = severity;
    f.code = code;
    f.where = std::move(where);
    f.what = std::move(what);
    return f;
}

void attempt(FindingLog& log, const char* code, const std::string& where, const std::function<void()>& part) {
    try {
        part();
    } catch (const Error& e) {
        // Refused: the file's schema asks for what does not run here.
        if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::not_a_store &&
            e.kind() != ErrorKind::refused) {
            throw;
        }
        log.add(finding(Finding::Severity::error, code, where, e.what()));
    }
}

void note_missing_leases(const mvcc::RevisionAudit& audit, const std::unordered_set<std::int64_t>& leases,
                         FindingLog& log) {
    std::vector<std::pair<mvcc::Revision, std::int64_t>> missing;
    audit.each_leased([&](std::int64_t lease, mvcc::Revision r) {
        if (!leases.contains(lease)) missing.emplace_back(r, lease);
    });
    std::sort(missing.begin(), missing.end());
    for (const auto& [r, lease] : missing) {
        Finding f = finding(Finding::Severity::info, "lease-missing", mvcc::revision_text(r),
                            fmt::format("its lease {} is not stored, so it never runs out",
                                        hex(static_cast<std::uint64_t>(lease))));
        f.revision = r.main;
        log.add(std::move(f));
    }
}

CheckResult check_store(Store& store, const CheckRequest& request) {
    CheckResult result;
    FindingLog log(request.kept_per_code);
    store.check(request, result, log);
    for (Finding& f : log.take()) result.findings.push_back(std::move(f));
    return result;
}

}  // namespace kvctl::store
