#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/kube/object.hpp"
#include "kvctl/kube/predecessors.hpp"
#include "kvctl/kube/timeline.hpp"
#include "kvctl/mvcc/record.hpp"

namespace kvctl::kube {

/// Looks at every value as the API server would, in one pass in revision order: what it cannot decode,
/// objects under a key of another name, secrets in plaintext where others are encrypted, leases and events
/// that outlived their time. Findings name keys and revisions, never values.
class Audit {
  public:
    /// `path`: what the store is called in a command.
    explicit Audit(std::string path = "STORE", std::size_t kept_per_code = FindingLog::k_kept_per_code)
        : path_(std::move(path)), kept_per_code_(kept_per_code) {}

    /// `ttl`: how long the row may live, in seconds, where that is known; else 0.
    void add(const mvcc::Record& record, std::int64_t ttl);

    /// Once, behind the last record.
    [[nodiscard]] Findings take();

  private:
    /// What of a live key may have outlived its time.
    struct Mortal {
        std::int64_t revision = 0;
        std::int64_t expires = 0;  ///< microseconds since 1970; 0: never
        bool lease = false;
    };
    struct Plain {
        std::uint32_t key = 0;
        std::int64_t revision = 0;
    };
    void look(const mvcc::Record& record, std::uint32_t key);
    void watch(const mvcc::Record& record, std::uint32_t key, std::int64_t ttl);
    void note(Finding::Severity severity, const char* code, const mvcc::Record& record, std::string what);
    void note(FindingLog& log, Finding::Severity severity, const char* code, std::string_view key,
              std::int64_t revision, std::string what);

    std::string path_;
    std::size_t kept_per_code_;
    Predecessors keys_{[](mvcc::Revision) { return std::nullopt; }, 0};
    Sampler sampler_;
    Object object_;
    std::map<std::string, FindingLog, std::less<>> logs_;  // by the first part of the key
    std::map<std::string, bool, std::less<>> objects_;     // whether there are objects under it
    std::vector<Mortal> mortals_;                          // by key
    std::vector<Plain> plain_;                             // secrets in plaintext, some
    std::uint64_t more_plain_ = 0;
    bool encrypted_secrets_ = false;
};

}  // namespace kvctl::kube
