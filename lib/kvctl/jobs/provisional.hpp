#pragma once
#include <functional>
#include <string>
#include <vector>

#include "kvctl/store/writable.hpp"

namespace kvctl::jobs {

/// Files that a run makes before its work; the destructor takes them away again unless keep() was called.
class Provisional {
  public:
    Provisional() = default;
    Provisional(const Provisional&) = delete;
    Provisional& operator=(const Provisional&) = delete;
    ~Provisional();

    void add(const std::string& path) { paths_.push_back(path); }
    void keep() noexcept { paths_.clear(); }

    /// Runs `work` on a store. Files that it adds stay when it succeeds, and also when it fails after the
    /// store may have changed: then the error names them.
    static void carry_out(store::WritableStore& writable, const std::function<void(Provisional&)>& work);

  private:
    [[nodiscard]] std::string note() const;
    std::vector<std::string> paths_;
};

}  // namespace kvctl::jobs
