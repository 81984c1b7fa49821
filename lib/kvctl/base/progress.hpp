#pragma once
#include <cstdint>
#include <string_view>

namespace kvctl {

/// Told how far long work has come. Called from one thread at a time, some times a second.
class Progress {
  public:
    Progress() = default;
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    virtual ~Progress() = default;
    /// `done` of `total` units of `phase` ("reading", "copying", …); a total of 0 is unknown.
    virtual void update(std::string_view phase, std::uint64_t done, std::uint64_t total) = 0;
};

}  // namespace kvctl
