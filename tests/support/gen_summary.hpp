#pragma once
#include <cstdint>
#include <iosfwd>
#include <vector>

#include "gen_options.hpp"

namespace kvctl::gen {

/// Counts, while a history is written, what a compaction at each revision would remove. A put goes as soon as
/// a newer revision of its key lies at or below the target, a tombstone as soon as it does itself; so the
/// count at a target is the sum over all rows up to there, and each share is reached at one revision that is
/// known when it is written.
class Summary {
  public:
    /// `total_rows` is the number of rows that the shares are shares of.
    Summary(const std::vector<double>& shares, std::uint64_t total_rows);

    /// A row at `revision` that ends the life of `removed` rows (itself included when it is a tombstone).
    /// Revisions must not descend.
    void row(std::uint64_t revision, unsigned removed);

    void new_key(std::uint64_t key_bytes) {
        ++keys_;
        key_bytes_ += key_bytes;
    }

    /// A JSON object in one line.
    void print(std::ostream& out, const Options& options) const;

  private:
    struct Point {
        double share = 0;
        std::uint64_t wanted = 0;
        std::uint64_t revision = 0;  ///< 0: not reached
        std::uint64_t removed = 0;
    };
    std::vector<Point> points_;
    std::vector<Point>
        newest_;  ///< the last revisions, a ring; where they begin is 1000 below the current one
    std::size_t next_point_ = 0;
    std::uint64_t rows_ = 0;
    std::uint64_t current_ = 0;
    std::uint64_t removed_ = 0;
    std::uint64_t keys_ = 0;
    std::uint64_t key_bytes_ = 0;
};

}  // namespace kvctl::gen
