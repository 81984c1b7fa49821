#pragma once
#include <optional>
#include <string>
#include <vector>

#include "kvctl/jobs/compact_decision.hpp"
#include "kvctl/report/refusal.hpp"
#include "kvctl/store/space.hpp"

namespace kvctl::jobs {

/// A disk too small for what was decided.
struct SpaceRefusal {
    std::string message;               ///< what is needed, what there is, and the ways out with their needs
    std::vector<report::WayOut> ways;  ///< by what is to be asked for instead
};

/// nullopt: there is room. `keeps_file`: the file cannot be replaced. Room that the store's own -wal
/// takes counts where the run may move it into the file first.
[[nodiscard]] std::optional<SpaceRefusal> look_for_space(const store::Store& store, const Decision& d,
                                                         const CompactRequest& request, bool keeps_file);

/// Whether there is room only once the -wal has been moved into the file.
[[nodiscard]] bool needs_room_of_wal(const store::StoreInfo& info, const Decision& d,
                                     const CompactRequest& request, bool keeps_file);

/// A shortage in words.
[[nodiscard]] std::string shortage_text(const store::Shortage& shortage);

}  // namespace kvctl::jobs
