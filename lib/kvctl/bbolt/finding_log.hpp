#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "kvctl/base/finding.hpp"

namespace kvctl::bbolt {

/// Collects findings without growing past reason on a file that is damaged throughout: of each code the first
/// hundred are kept, the others counted, and one last finding tells their number.
class FindingLog {
  public:
    static constexpr std::uint64_t k_kept = 100;

    explicit FindingLog(Findings& out) : out_(&out) {}
    FindingLog(const FindingLog&) = delete;
    FindingLog& operator=(const FindingLog&) = delete;
    ~FindingLog() { close(); }

    void add(Finding::Severity severity, const std::string& code, const std::string& where,
             const std::string& what);
    /// Writes the counts of what was not kept; the destructor does so too.
    void close() noexcept;

  private:
    Findings* out_;
    std::map<std::string, std::uint64_t> seen_;
};

}  // namespace kvctl::bbolt
