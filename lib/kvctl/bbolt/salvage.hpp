#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/bbolt/file.hpp"

namespace kvctl::bbolt {

/// Keys from `low` on, up to but without `high`; nullopt: to the end.
struct KeyRange {
    std::string low;
    std::optional<std::string> high;
};

/// Takes what can be read of a bucket, past broken pages: calls `element` for every key and value that stand
/// where a sound page or a sound element of a broken one has them, and `lost` for every stretch of keys of
/// which something could not be read. Elements need not ascend where the tree does not. Ends on any file.
void salvage(const File& file, const Bucket& bucket,
             const std::function<void(std::string_view key, std::string_view value)>& element,
             const std::function<void(const KeyRange&)>& lost);

}  // namespace kvctl::bbolt
