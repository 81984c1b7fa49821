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

    /// Bytes of the pages that deleting in place changes: about what a journal or -wal takes meanwhile.
    [[nodiscard]] virtual std::uint64_t changed_bytes(const mvcc::CompactionPlan& plan) const = 0;

    /// Bytes of old_value of each row that the plan keeps at or below its revision, by slot; empty where rows
    /// have none.
    [[nodiscard]] virtual std::vector<std::uint32_t> old_value_bytes(const mvcc::CompactionPlan& plan) = 0;
};

}  // namespace kvctl::store
