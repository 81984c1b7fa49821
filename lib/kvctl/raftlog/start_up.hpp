#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "kvctl/base/finding.hpp"
#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// Major and minor number of a version such as "3.6.0" or "v3.7.0-rc.0"; nullopt when it is none.
[[nodiscard]] std::optional<std::pair<unsigned, unsigned>> minor_version(std::string_view version) noexcept;

/// Which server is to start on a data directory.
enum class Release { unknown, up_to_3_6, from_3_7 };
/// Unknown for what is no version.
[[nodiscard]] Release release_of(std::string_view version) noexcept;

/// What a server of that release loads; with an unknown one what Header::newest_snapshot says.
[[nodiscard]] std::optional<raft::SnapshotMeta> loaded_snapshot(const Header& header, Release release);
/// The same where it must lie within the log: a dqlite node goes on from its snapshot whatever is before it.
[[nodiscard]] std::optional<raft::SnapshotMeta> snapshot_within(const Header& header, Release release);

/// Says whether a server would start on the log of a data directory, and what it would load: where the
/// releases differ, where the db is too old for the snapshot, and where old requests keep 3.7 from starting.
class StartUpAudit {
  public:
    /// `applied` is the consistent index of the db beside the log. `header` must outlive the audit.
    StartUpAudit(const Header& header, Release release, std::optional<LogIndex> applied) noexcept
        : header_(header), release_(release), applied_(applied) {}

    /// Entries in log order.
    void add(const raft::EntryFacts& entry);
    [[nodiscard]] Findings finish() const;

  private:
    void check_received_db(const Start& start, Findings& out) const;

    const Header& header_;
    Release release_;
    std::optional<LogIndex> applied_;
    std::optional<LogIndex> first_v2_;  ///< behind what 3.7 loads
    std::uint64_t v2_ = 0;
};

}  // namespace kvctl::raftlog
