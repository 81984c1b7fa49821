#pragma once
#include <ostream>

#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::jobs {

/// The store as a history file.
class Export {
  public:
    /// Reads the store once, without values.
    Export(OpenedStore& opened, Progress* progress);
    ~Export();
    Export(const Export&) = delete;
    Export& operator=(const Export&) = delete;

    /// Writes it; ends early, without a word, when `out` can no longer be written.
    void write(std::ostream& out, Progress* progress);
    /// What was left out or looked wrong; complete behind write().
    [[nodiscard]] report::Notes notes() const;

  private:
    OpenedStore& opened_;
    std::unique_ptr<store::Conversion> source_;
};

}  // namespace kvctl::jobs
