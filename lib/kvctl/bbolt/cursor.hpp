#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/bbolt/file.hpp"

namespace kvctl::bbolt {

/// Walks one bucket in key order. No step allocates; keys and values are views into the file.
///
///     for (bool more = cursor.first(); more; more = cursor.next()) use(cursor.key(), cursor.value());
///
/// Without a log, damage throws PageError and the cursor is spent. With one, the page's fault is noted,
/// everything below it is skipped, and the walk goes on behind it. A walk enters each page at most once, so
/// it ends on any file.
class Cursor {
  public:
    Cursor(const File& file, const Bucket& bucket, FindingLog* log = nullptr);

    /// Each returns false when there is no such element; then key() and value() are empty.
    bool first();
    bool last();
    /// The first element at or above `key`.
    bool seek(std::string_view key);
    bool next() {
        if (++leaf_.at < leaf_.page.count()) return load();
        return next_leaf();
    }

    /// next(), and on to the first element at or above `key`: pages that end below it, as the branches above
    /// them say, are not entered.
    bool skip_to(std::string_view key);

    [[nodiscard]] std::string_view key() const noexcept { return element_.key; }
    [[nodiscard]] std::string_view value() const noexcept { return element_.value; }
    [[nodiscard]] bool is_bucket() const noexcept { return element_.bucket; }
    /// The page the current element is on, and its position there: what a finding names.
    [[nodiscard]] PageId page() const noexcept { return leaf_.page.id(); }
    [[nodiscard]] std::uint32_t position() const noexcept { return leaf_.at; }
    /// Pages entered so far, overflow included.
    [[nodiscard]] std::uint64_t pages_entered() const noexcept { return entered_; }
    /// Pages that two walks of the same file both entered, once each has left its first leaf.
    [[nodiscard]] std::uint64_t pages_in_common(const Cursor& other) const noexcept;

  private:
    struct Level {
        Page page;
        std::uint32_t at = 0;
    };
    enum class Edge { first, last };

    bool load();
    bool next_leaf();
    /// Enters the page and, below it, the outermost child on that side until a leaf; false after noting a
    /// fault.
    bool descend(PageId id, Edge edge);
    bool descend_to(PageId id, std::string_view key);
    bool enter(PageId id, Page& page);
    bool start_inline();
    bool child(PageId& id);
    bool skip(PageId page, const std::string& fault);
    bool none();
    [[nodiscard]] std::uint32_t lower_bound(const Page& page, std::string_view key) const noexcept;
    void start_marking();
    /// False when a part of the page was entered before.
    bool mark(const Page& page);

    const File* file_;
    Bucket bucket_;
    FindingLog* log_;
    std::array<Level, k_max_depth> stack_;  // the branches above the leaf
    std::size_t depth_ = 0;
    Level leaf_;
    Page::LeafElement element_;
    std::uint64_t entered_ = 0;
    std::vector<bool> visited_;  // by page id; empty until a walk leaves its first leaf
};

}  // namespace kvctl::bbolt
