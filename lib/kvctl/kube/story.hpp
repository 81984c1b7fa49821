#pragma once
#include <optional>
#include <string>
#include <vector>

#include "kvctl/kube/compare.hpp"
#include "kvctl/kube/object.hpp"
#include "kvctl/kube/times.hpp"
#include "kvctl/mvcc/record.hpp"

namespace kvctl::kube {

/// The history of one key, a revision at a time: who wrote it, when, and what it changed.
class Story {
  public:
    struct Options {
        bool values = false;          ///< what fields held before and hold after
        bool reveal_secrets = false;  ///< else a Secret's are not among them
    };
    struct FieldChange {
        std::string path;
        bool heartbeat = false;
        std::string before;  ///< JSON; empty: not there, or not asked for
        std::string after;
    };
    struct Step {
        std::optional<Time> time;        ///< that the value shows of its own write
        std::string writer;              ///< of a put
        std::optional<Verdict> verdict;  ///< of a put whose row before is stored
        bool created = false;
        std::vector<FieldChange> changes;
    };

    Story() : Story(Options{}) {}
    explicit Story(Options options) : options_(options) {}

    /// The key's records in ascending order.
    [[nodiscard]] Step step(const mvcc::Record& record);

  private:
    void compare(const mvcc::Record& record, const Object& before, const Object& after, Step& step);

    Options options_;
    Comparer comparer_;
    std::string value_;  // of the row before
    bool seen_ = false;
    bool tombstone_ = false;
};

/// "no-op", "heartbeat", "change".
[[nodiscard]] std::string_view name_of(Verdict verdict) noexcept;

}  // namespace kvctl::kube
