#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/strong.hpp"

namespace kvctl::dqlite {

enum class EntryType : std::uint8_t { command = 1, barrier = 2, configuration = 3 };  // on disk: never change
[[nodiscard]] std::string_view name_of(EntryType type) noexcept;

/// One entry of a segment; the data is the segment's.
struct SegmentEntry {
    Term term;
    EntryType type = EntryType::command;
    std::string_view data;
};

/// Walks the batches of a segment: a header with the terms, types and lengths of n entries, their data, a
/// checksum of either.
class SegmentReader {
  public:
    /// `file` must live as long.
    explicit SegmentReader(std::string_view file);
    /// From a batch on, as find_batch() gives it.
    SegmentReader(std::string_view file, std::size_t at);

    /// The next batch whole and sound, false at the end or where reading cannot go on.
    [[nodiscard]] bool next();
    [[nodiscard]] const std::vector<SegmentEntry>& entries() const noexcept { return entries_; }

    /// Where the batch after the last one stands.
    [[nodiscard]] std::size_t offset() const noexcept { return at_; }
    /// How many batches were sound.
    [[nodiscard]] std::uint64_t batches() const noexcept { return batches_; }
    /// Why next() ended; empty: the file ends there, or only zeros follow.
    [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
    /// The file ends too early: to dqlite an I/O error, while anything else it calls corrupt.
    [[nodiscard]] bool cut_short() const noexcept { return cut_short_; }
    /// No batch was ever written: an open segment that was only set aside.
    [[nodiscard]] bool unused() const noexcept { return unused_; }

  private:
    [[nodiscard]] bool fail(std::string fault, bool cut_short = false);
    std::string_view file_;
    std::size_t at_ = 0;
    std::vector<SegmentEntry> entries_;
    std::string fault_;
    std::uint64_t batches_ = 0;
    bool cut_short_ = false;
    bool unused_ = false;
};

/// The header of a batch that cannot be read as one, skipped: where a sound batch begins behind it, or npos.
/// Tried word by word, as batches begin at multiples of eight.
[[nodiscard]] std::size_t find_batch(std::string_view file, std::size_t from);

}  // namespace kvctl::dqlite
