#include "kvctl/raft/finding_list.hpp"

#include <algorithm>
#include <string>

namespace kvctl::raft {

void FindingList::add(Finding::Severity severity, const char* code, std::string where, std::string what) {
    auto it = std::find_if(counts_.begin(), counts_.end(), [&](const Count& c) { return c.code == code; });
    if (it == counts_.end()) it = counts_.insert(it, {code, severity, 0});
    if (++it->seen <= k_kept_per_code) kept_.push_back({severity, code, std::move(where), std::move(what)});
}

Findings FindingList::list() const {
    Findings out = kept_;
    for (const Count& c : counts_) {
        if (c.seen <= k_kept_per_code) continue;
        out.push_back(
            {c.severity, c.code, "", std::to_string(c.seen - k_kept_per_code) + " more of this kind"});
    }
    return out;
}

}  // namespace kvctl::raft
