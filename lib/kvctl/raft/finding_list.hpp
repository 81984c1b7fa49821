#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"

namespace kvctl::raft {

/// Findings of one reading, bounded: of each code the first few are kept in full and the others counted, so
/// that a file that is damaged all over cannot fill the memory.
class FindingList {
  public:
    static constexpr std::uint64_t k_kept_per_code = 10;

    void add(Finding::Severity severity, const char* code, std::string where, std::string what);
    /// What was kept, in order, then one finding for each code that had more.
    [[nodiscard]] Findings list() const;

  private:
    struct Count {
        std::string code;
        Finding::Severity severity;
        std::uint64_t seen;
    };
    Findings kept_;
    std::vector<Count> counts_;
};

}  // namespace kvctl::raft
