#pragma once
#include <cstdint>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace kvctl::test {

/// A small file system in memory of its own, unmounted by the destructor.
class SmallDisk {
  public:
    explicit SmallDisk(std::uint64_t bytes);
    ~SmallDisk();
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    /// False, with a doctest MESSAGE, where none can be mounted: the test has nothing to do.
    [[nodiscard]] bool mounted() const noexcept { return mounted_; }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] std::uint64_t free_bytes() const;
    /// Writes a file `filler` that leaves so much free, to the page; it replaces the one before.
    void fill_but_for(std::uint64_t bytes) const;

  private:
    TempDir folder_;
    std::string path_;
    bool mounted_ = false;
};

}  // namespace kvctl::test
