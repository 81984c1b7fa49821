#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// What an import can make.
enum class TargetKind { native, kine, bbolt, snapshot };
[[nodiscard]] std::string_view name_of(TargetKind kind) noexcept;
[[nodiscard]] std::optional<TargetKind> target_named(std::string_view word) noexcept;

/// A new store being built from records, streaming. It takes its name only when it is complete.
class Target {
  public:
    Target() = default;
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;
    virtual ~Target() = default;

    /// Records ascend by revision. Throws damaged when one repeats, refused for one that the layout cannot
    /// hold.
    virtual void add(const mvcc::Record& record) = 0;
    virtual void add(const Lease& lease) = 0;
    /// A counter under its native name; one that the layout has no place for is left out.
    virtual void set_meta(std::string_view name, std::int64_t value) = 0;
    /// Whether the layout keeps the raft log as well; only then add_raft_entry().
    [[nodiscard]] virtual bool takes_log() const noexcept { return false; }
    virtual void add_raft_entry(std::uint64_t /*index*/, std::uint64_t /*term*/, std::int64_t /*type*/,
                                std::optional<std::string_view> /*data*/) {}
    /// Completes, syncs and names the file. Throws refused when the name is taken.
    virtual void finish() = 0;
    /// Once finish() has run: what a revision of the source is in the new store, and what the current one is.
    [[nodiscard]] virtual MainRevision moved(MainRevision revision) const { return revision; }
    [[nodiscard]] virtual MainRevision current(MainRevision of_source) const { return of_source; }
    /// What was left out or made another, a sentence each; complete once finish() has run.
    [[nodiscard]] virtual std::vector<std::string> warnings() const { return {}; }
};

}  // namespace kvctl::store
