#pragma once
#include <deque>
#include <string>
#include <string_view>

#include "kvctl/kube/compare.hpp"
#include "kvctl/kube/compare_parts.hpp"
#include "kvctl/kube/json_text.hpp"

namespace kvctl::kube {

/// The part of a Comparer that knows JSON.
class Comparer::Json {
  public:
    explicit Json(Comparer& comparer) : c_(comparer) {}

    /// Whole objects: resourceVersion and managedFields are passed over.
    void objects(std::string_view before, std::string_view after);
    /// Any two values; an empty text is one that is not there.
    void values(std::string_view before, std::string_view after);

  private:
    using Items = Keyed<std::string_view>;
    void members(std::string_view before, std::string_view after);
    void arrays(std::string_view before, std::string_view after);
    [[nodiscard]] bool by_merge_key(const Items& before, const Items& after);
    [[nodiscard]] bool take_merge_keys(const Items& items, std::string_view merge_key, Items& keyed);
    void scalars(std::string_view before, std::string_view after);
    /// `like`: the items of a value that is likely to be the same in part.
    [[nodiscard]] Items items_of(std::string_view value, const Items& like = {});

    Comparer& c_;
    int depth_ = 0;
    bool times_ = true;  // off in maps whose values people write: no text there is a time
    std::string_view leaf_;
};

}  // namespace kvctl::kube
