#include "kvctl/mvcc/range_read.hpp"

#include <algorithm>

namespace kvctl::mvcc {
namespace {

template <class Less>
void sort_rows(std::vector<RangeRow>& rows, bool descending, Less less) {
    std::stable_sort(rows.begin(), rows.end(), [&](const RangeRow& a, const RangeRow& b) {
        return descending ? less(b, a) : less(a, b);
    });
}

void sort_by_value(std::vector<RangeRow>& rows, bool descending,
                   const std::function<std::string(Revision)>& value_of) {
    std::vector<std::pair<std::string, RangeRow>> with_values;
    with_values.reserve(rows.size());
    for (const RangeRow& r : rows) with_values.emplace_back(value_of(r.modified), r);
    std::stable_sort(with_values.begin(), with_values.end(), [&](const auto& a, const auto& b) {
        return descending ? b.first < a.first : a.first < b.first;
    });
    std::transform(with_values.begin(), with_values.end(), rows.begin(),
                   [](const auto& v) { return v.second; });
}

void sort_rows(std::vector<RangeRow>& rows, const RangeRequest& request,
               const std::function<std::string(Revision)>& value_of) {
    const bool descending = request.order == RangeRequest::Order::descend;
    switch (request.target) {
        case RangeRequest::Target::key:
            // They are in key order already.
            if (descending) std::reverse(rows.begin(), rows.end());
            break;
        case RangeRequest::Target::version:
            sort_rows(rows, descending,
                      [](const RangeRow& a, const RangeRow& b) { return a.version < b.version; });
            break;
        case RangeRequest::Target::create:
            sort_rows(rows, descending,
                      [](const RangeRow& a, const RangeRow& b) { return a.created < b.created; });
            break;
        case RangeRequest::Target::modify:
            sort_rows(rows, descending,
                      [](const RangeRow& a, const RangeRow& b) { return a.modified.main < b.modified.main; });
            break;
        case RangeRequest::Target::value:
            sort_by_value(rows, descending, value_of);
            break;
    }
}

}  // namespace

std::string prefix_end(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

RangeResult read_range(const TreeIndex& index, const RangeRequest& request,
                       const std::function<std::string(Revision)>& value_of) {
    // Ascending by key is what a range is anyway; etcd's client does not ask for a sort then.
    const bool plain =
        request.order == RangeRequest::Order::none ||
        (request.order == RangeRequest::Order::ascend && request.target == RangeRequest::Target::key);
    // One more than the limit shows whether there are more.
    const std::uint64_t fetch = plain && request.limit != 0 ? request.limit + 1 : 0;
    RangeResult result;
    const std::optional<std::string_view> end =
        request.end ? std::optional<std::string_view>(*request.end) : std::nullopt;
    for (const KeyId id : index.range(request.key, end)) {
        const auto found = index.key_index(id).get(request.at);
        if (!found) continue;
        ++result.count;
        if (fetch != 0 && result.rows.size() == fetch) continue;
        result.rows.push_back({id, found->modified, found->created.main, found->version});
    }
    if (!plain || request.target != RangeRequest::Target::key) sort_rows(result.rows, request, value_of);
    if (request.limit != 0 && result.rows.size() > request.limit) {
        result.rows.resize(request.limit);
        result.more = true;
    }
    return result;
}

}  // namespace kvctl::mvcc
