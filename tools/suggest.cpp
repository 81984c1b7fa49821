#include "tools/suggest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace kvctl::cli {
namespace {

// Insertions, deletions and changes that turn a into b.
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates) {
    constexpr std::size_t k_longest = 64;  // nobody mistypes that much; keeps the work small
    if (word.empty() || word.size() > k_longest) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t fewest = word.size() / 3 + 1;
    for (const std::string_view candidate : candidates) {
        if (word.size() > 1 && candidate.starts_with(word)) return candidate;
        const std::size_t n = edits(word, candidate);
        if (n < candidate.size() && (n < fewest || (n == fewest && !best))) {
            best = candidate;
            fewest = n;
        }
    }
    return best;
}

}  // namespace kvctl::cli
