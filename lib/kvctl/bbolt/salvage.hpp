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

/// For a file whose buckets cannot be reached: calls `element` for every key and value on the sound leaves
/// that are in use, of whatever bucket they are. False, and nothing is taken, where no stored freelist tells
/// those from pages that a later transaction gave up.
bool salvage_leaves(const File& file,
                    const std::function<void(std::string_view key, std::string_view value)>& element);

}  // namespace kvctl::bbolt
