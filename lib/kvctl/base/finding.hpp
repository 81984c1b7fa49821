#pragma once
#include <string>
#include <utility>
#include <vector>

namespace kvctl {

/// Something wrong, or worth knowing, in the data. Findings are collected and reported; reading goes on where it can.
struct Finding {
    enum class Severity { info, warning, error };

    Severity severity = Severity::error;
    std::string code;   ///< stable, lower-case with dashes: "torn-tail", "orphan-row"
    std::string where;  ///< file and offset, row, revision or index; may be empty
    std::string what;   ///< one sentence, without stored values

    friend bool operator==(const Finding&, const Finding&) = default;
};

using Findings = std::vector<Finding>;

}  // namespace kvctl
