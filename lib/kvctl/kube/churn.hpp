#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kvctl/kube/compare.hpp"
#include "kvctl/kube/names.hpp"
#include "kvctl/kube/predecessors.hpp"
#include "kvctl/kube/timeline.hpp"
#include "kvctl/mvcc/record.hpp"

namespace kvctl::kube {

struct ChurnRow {
    std::string name;
    std::uint64_t writes = 0;
    std::uint64_t bytes = 0;
    std::uint64_t keys = 0;
    std::uint64_t no_ops = 0;
    std::uint64_t heartbeats = 0;
    friend bool operator==(const ChurnRow&, const ChurnRow&) = default;
};

struct ChurnField {
    std::string path;
    std::uint64_t writes = 0;  ///< that changed it
    friend bool operator==(const ChurnField&, const ChurnField&) = default;
};

/// Counts writes by what makes them and what they change, in one pass over the records in revision order.
class Churn {
  public:
    struct Window {
        MainRevision from;
        MainRevision to;
        std::string under;  ///< only keys that begin so
    };
    /// Distinct field paths that are counted at once; beyond it the rarest are dropped.
    static constexpr std::size_t k_most_fields = 50'000;

    Churn(By by, Window window) : by_(by), window_(std::move(window)), changed_(k_most_paths) {}

    /// Whether it lies in the window: then what came before it is needed, with its value. Touches nothing
    /// that add() does.
    [[nodiscard]] bool counts(const mvcc::Record& record) const noexcept {
        const MainRevision main(record.revision.main);
        return main >= window_.from && main <= window_.to && record.key.starts_with(window_.under);
    }

    /// Every record of the store up to the window's end, those before the window included: they tell the
    /// time.
    void add(const mvcc::Record& record, const Predecessors::Before& before);

    /// Most writes first.
    [[nodiscard]] std::vector<ChurnRow> rows() const;
    /// Most writes first, at most `most`; resourceVersion and managedFields are never among them.
    [[nodiscard]] std::vector<ChurnField> fields(std::size_t most) const;
    /// Field paths were dropped: rare ones may count too few.
    [[nodiscard]] bool fields_dropped() const noexcept { return fields_dropped_; }
    /// Every write in the window, as one row without a name.
    [[nodiscard]] const ChurnRow& total() const noexcept { return total_; }
    /// The first and the last revision counted; 0 where there is none.
    [[nodiscard]] MainRevision first() const noexcept { return first_; }
    [[nodiscard]] MainRevision last() const noexcept { return last_; }
    /// Of all records, the window's or not.
    [[nodiscard]] Timeline timeline() { return Timeline::fit(sampler_.take()); }

  private:
    struct Counted {
        ChurnRow row;
        std::string group;  // of a kind
    };
    struct KeyState {
        std::uint32_t row = k_none;   // the first one that the key was counted under
        std::uint32_t last = k_none;  // the one of its newest put: kind and the like stay
        bool sure = false;            // which was told by an object
    };
    static constexpr std::uint32_t k_none = 0xFFFFFFFFU;
    static constexpr std::size_t k_most_paths = 64;  // of one write

    void count(const mvcc::Record& record, std::uint32_t key, std::uint32_t row,
               std::optional<Verdict> verdict);
    [[nodiscard]] std::uint32_t row_of(const mvcc::Record& record, std::uint32_t key, const Object* before);
    [[nodiscard]] std::uint32_t row_named(std::string_view name, std::string_view group);
    void count_fields();

    By by_;
    Window window_;
    Comparer comparer_;
    Sampler sampler_;
    Object before_;
    Object after_;
    std::vector<std::string> changed_;  // field paths of one write
    std::size_t changed_count_ = 0;
    std::vector<Counted> rows_;
    std::unordered_map<std::string, std::uint32_t> by_name_;
    std::string name_;
    std::uint32_t last_row_ = k_none;  // that was named
    std::vector<KeyState> keys_;
    std::unordered_set<std::uint64_t> more_keys_;  // row and key, where a key is counted under several
    std::unordered_map<std::string, std::uint64_t> fields_;
    bool fields_dropped_ = false;
    ChurnRow total_;
    MainRevision first_;
    MainRevision last_;
};

}  // namespace kvctl::kube
