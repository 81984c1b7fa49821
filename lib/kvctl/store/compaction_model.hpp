#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

enum class Strategy { in_place, rewrite };
[[nodiscard]] std::string_view name_of(Strategy strategy) noexcept;

/// What is going to be done to a store, as far as its disk is concerned.
struct DiskWork {
    bool deletes = false;  ///< rows go, in the way `strategy` says
    Strategy strategy = Strategy::in_place;
    std::optional<std::int64_t> batch{};
    bool shrinks = false;            ///< behind deletes in place, or alone: see WritableStore::shrink()
    bool keeps_file = false;         ///< shrink() cannot replace the file
    std::uint64_t result_bytes = 0;  ///< of the file once it is shrunk
    std::uint64_t raft_bytes = 0;    ///< of log entries that go in place
    bool clears_old_values = false;  ///< of the rows that stay
    std::optional<std::string> backup{};
    std::optional<std::string> output{};  ///< the store stays as it is, this new file is made
};

/// Bytes of disk that work needs in a folder, at the most.
struct SpaceNeeds {
    std::uint64_t bytes = 0;
    std::string folder;
};

/// What a compaction of a store comes to, asked of its layout for any plan over one index. Refers to both.
class CompactionModel {
  public:
    CompactionModel() = default;
    CompactionModel(const CompactionModel&) = delete;
    CompactionModel& operator=(const CompactionModel&) = delete;
    virtual ~CompactionModel() = default;

    /// By measure what is faster; with `shrink` the free space is given back as well. A layout that knows one
    /// way answers that.
    [[nodiscard]] virtual Strategy strategy(const mvcc::CompactionPlan& plan, bool shrink) const = 0;

    struct Outcome {
        Strategy strategy = Strategy::in_place;
        bool drop_old_values = false;
        bool disarm = false;
    };
    /// Bytes of the file once it holds only what the plan keeps and no free space; nullopt: not foretold.
    [[nodiscard]] virtual std::optional<std::uint64_t> file_bytes(const mvcc::CompactionPlan& plan,
                                                                  const Outcome& outcome) = 0;

    /// What the work needs beside what is there, file by file: folders may be on one file system. Empty where
    /// nothing is foretold.
    [[nodiscard]] virtual std::vector<SpaceNeeds> space_needs(const mvcc::CompactionPlan& plan,
                                                              const DiskWork& work) const = 0;

    /// Bytes of old_value of each row that the plan keeps at or below its revision, by slot; empty where rows
    /// have none.
    [[nodiscard]] virtual std::vector<std::uint32_t> old_value_bytes(const mvcc::CompactionPlan& plan) = 0;

    /// Throws refused where the rows cannot be copied into a new file as they are.
    virtual void check_copyable() const {}
    /// Throws refused where even a file with the very same rows must not take the store's place.
    virtual void check_shrinkable() const {}
    /// What else has to be stopped, beside the server, while the file is rewritten: a sentence each.
    [[nodiscard]] virtual std::vector<std::string> others_to_stop() const { return {}; }

    /// What the layout has to say of the plan; `works`: it is to be carried out.
    [[nodiscard]] virtual std::vector<std::string> warnings(const StoreHead& /*head*/,
                                                            const mvcc::CompactionPlan& /*plan*/,
                                                            bool /*works*/) {
        return {};
    }
};

}  // namespace kvctl::store
