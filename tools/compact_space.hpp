#pragma once
#include <optional>
#include <string>
#include <vector>

#include "kvctl/report/refusal.hpp"
#include "kvctl/store/sqlite/space.hpp"
#include "tools/compact_decision.hpp"
#include "tools/compact_options.hpp"

namespace kvctl::cli {

/// A disk too small for what was decided.
struct SpaceRefusal {
    std::string message;               ///< what is needed, what there is, and the ways out with their needs
    std::vector<report::WayOut> ways;  ///< as whole commands
};

/// nullopt: there is room. `vacuums_in_place`: the file cannot be replaced. Room that the store's own -wal
/// takes counts where the run may move it into the file first.
[[nodiscard]] std::optional<SpaceRefusal> look_for_space(const store::SqliteStore& store, const Decision& d,
                                                         const CompactOptions& options,
                                                         bool vacuums_in_place);

/// Whether there is room only once the -wal has been moved into the file.
[[nodiscard]] bool needs_checkpoint(const store::SqliteStore& store, const Decision& d,
                                    const CompactOptions& options, bool vacuums_in_place);

/// A shortage in words.
[[nodiscard]] std::string shortage_text(const store::Shortage& shortage);

}  // namespace kvctl::cli
