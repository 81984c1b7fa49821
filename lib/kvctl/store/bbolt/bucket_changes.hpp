#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"

namespace kvctl::store {

/// Whether a key of bucket "alarm", etcd's AlarmMember message, tells that the space is used up.
[[nodiscard]] bool is_nospace(std::string_view alarm);

/// What of one bucket is another.
struct BucketChanges {
    std::function<bool(std::string_view key)> leaves_out;  ///< may be empty
    /// The first key that stays behind the one that was left out last, or none: the pages between are not
    /// read, which halves the work of writing where a tenth of 2 million rows stays. May be empty.
    std::function<std::optional<std::string_view>()> next_kept;
    std::map<std::string, std::string, std::less<>> set;  ///< replaced or added
};

/// Those of a bucket of the root. `rows`, if given, counts the rows of bucket "key" that stay and that the
/// index knows, as they are asked about.
[[nodiscard]] BucketChanges changes_of(std::string_view bucket, const RebuildChanges& changes,
                                       std::uint64_t* rows = nullptr);

/// The elements of a source bucket as they are to stand, in key order: calls f(cursor, key, value), where
/// value is not cursor.value() for what was set. Throws damaged at a page that cannot be read.
template <class F>
void each_element(const bbolt::File& file, const bbolt::Bucket& bucket, const BucketChanges& changes, F f) {
    bbolt::Cursor cursor(file, bucket);
    auto set = changes.set.begin();
    std::uint64_t n = 0;
    for (bool more = cursor.first(); more;) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        bool left_out = false;
        for (; set != changes.set.end() && std::string_view(set->first).compare(cursor.key()) < 0; ++set)
            f(cursor, std::string_view(set->first), std::string_view(set->second), false);
        if (set != changes.set.end() && set->first == cursor.key()) {
            f(cursor, std::string_view(set->first), std::string_view(set->second), false);
            ++set;
        } else if (changes.leaves_out && changes.leaves_out(cursor.key())) {
            left_out = true;
        } else {
            f(cursor, cursor.key(), cursor.value(), cursor.is_bucket());
        }
        if (left_out && changes.next_kept) {
            const auto kept = changes.next_kept();
            more = kept && cursor.skip_to(*kept);
        } else {
            more = cursor.next();
        }
    }
    for (; set != changes.set.end(); ++set)
        f(cursor, std::string_view(set->first), std::string_view(set->second), false);
}

}  // namespace kvctl::store
