#include "kvctl/bbolt/finding_log.hpp"

#include <exception>

namespace kvctl::bbolt {

void FindingLog::add(Finding::Severity severity, const std::string& code, const std::string& where,
                     const std::string& what) {
    if (++seen_[code] <= k_kept) out_->push_back({severity, code, where, what});
}

void FindingLog::close() noexcept {
    try {
        for (const auto& [code, count] : seen_) {
            if (count > k_kept) {
                out_->push_back({Finding::Severity::error, code, "",
                                 "and " + std::to_string(count - k_kept) + " more of this kind"});
            }
        }
    } catch (const std::exception&) {
        // Out of memory: the hundred that were kept tell enough.
    }
    seen_.clear();
}

}  // namespace kvctl::bbolt
