#include "kvctl/base/finding.hpp"

#include <algorithm>

#include "kvctl/base/text.hpp"

namespace kvctl {

const char* word_of(Finding::Severity severity) noexcept {
    switch (severity) {
        case Finding::Severity::info:
            return "note";
        case Finding::Severity::warning:
            return "warning";
        case Finding::Severity::error:
            return "error";
    }
    return "";
}

void FindingLog::add(Finding finding) {
    Code& code = codes_[finding.code];
    if (code.kept.size() < kept_per_code_) {
        code.kept.push_back(std::move(finding));
        return;
    }
    code.more += finding.times;
    if (finding.revision) code.lowest = std::min(code.lowest.value_or(*finding.revision), *finding.revision);
}

void FindingLog::add(const FindingLog& other) {
    for (const auto& [name, theirs] : other.codes_) {
        for (const Finding& f : theirs.kept) add(f);
        if (theirs.more == 0) continue;
        Code& code = codes_[name];
        code.more += theirs.more;
        if (theirs.lowest) code.lowest = std::min(code.lowest.value_or(*theirs.lowest), *theirs.lowest);
    }
}

Findings FindingLog::take() const {
    Findings all;
    for (const auto& [name, code] : codes_) {
        all.insert(all.end(), code.kept.begin(), code.kept.end());
        if (code.more == 0) continue;
        Finding rest = code.kept.back();
        rest.times = code.more;
        rest.where.clear();
        rest.what = group_digits(code.more) + " more like these";
        rest.revision = code.lowest;
        all.push_back(std::move(rest));
    }
    return all;
}

}  // namespace kvctl
