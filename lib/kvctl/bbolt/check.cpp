#include "kvctl/bbolt/check.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::bbolt {
namespace {

using Severity = Finding::Severity;

class Checker {
  public:
    Checker(const File& file, Progress* progress)
        : file_(file), progress_(progress), seen_(file.meta().high_water.value()) {}

    PageUse run() {
        use_.pages = file_.pages();
        metas();
        take_bucket(file_.root(), 0);
        freelist();
        for (const bool seen : seen_) use_.unused += seen ? 0U : 1U;
        if (file_.meta().freelist != k_no_freelist && use_.unused != 0) {
            log_.add({Severity::warning, "bbolt-unused", file_.path(),
                      fmt::format("{} neither reachable nor in the freelist", many(use_.unused, "page"))});
        }
        return use_;
    }

    [[nodiscard]] Findings findings() const { return log_.take(); }

  private:
    void error(const std::string& code, PageId page, const std::string& what) {
        log_.add({Severity::error, code, place(file_.path(), page), what});
    }

    void metas() {
        for (std::uint64_t i = 0; i < 2; ++i) {
            const auto& meta = file_.metas()[i];
            if (!meta) {
                error("bbolt-meta", PageId{i}, file_.lost_transaction());
                continue;
            }
            const char* header = file_.data().data() + i * file_.page_size();
            if (load_u64(header) != i || load_u16(header + 8) != k_meta_page) {
                error("bbolt-meta", PageId{i}, "its header is not that of a meta page");
            }
        }
        meta_pair();
        for (std::size_t i = 0; i < 2 && i < seen_.size(); ++i) take(i);
        length();
        if (file_.has_digest() && !file_.digest_matches()) {
            log_.add({Severity::error, "bbolt-digest", file_.path(),
                      "the SHA-256 behind the snapshot is not that of its pages"});
        }
        if (file_.locked()) {
            log_.add(
                {Severity::warning, "bbolt-locked", file_.path(),
                 "another process has the file locked and may be writing to it; findings can be its doing"});
        }
    }

    // A commit takes the place of the older meta; a snapshot has both in one order, whatever the transaction.
    void meta_pair() {
        const auto& [first, second] = file_.metas();
        if (!first || !second) return;
        const std::uint64_t apart =
            first->txid > second->txid ? first->txid - second->txid : second->txid - first->txid;
        if (apart == 1) return;
        log_.add({Severity::error, "bbolt-meta", file_.path(),
                  fmt::format("the metas are of transactions {} and {}, which do not follow one another",
                              first->txid, second->txid)});
    }

    void length() {
        if (std::string fault = file_.length_fault(); !fault.empty())
            log_.add({Severity::error, "bbolt-length", file_.path(), std::move(fault)});
    }

    void take(std::uint64_t page) {
        seen_[page] = true;
        ++use_.reachable;
    }

    /// Marks the pages of a span; false when one of them was taken before.
    bool take_span(PageId id, std::string_view bytes) {
        const std::uint64_t end = id.value() + bytes.size() / file_.page_size();
        for (std::uint64_t i = id.value(); i < end; ++i) {
            if (seen_[i]) {
                error("bbolt-page-twice", id,
                      i == id.value()
                          ? "is reached on two ways"
                          : fmt::format("goes on over page {}, which is reached on another way", i));
                return false;
            }
        }
        for (std::uint64_t i = id.value(); i < end; ++i) take(i);
        check_interrupt();
        if (progress_ != nullptr && (use_.reachable & 0xFFF) < end - id.value()) {
            progress_->update("checking pages", use_.reachable, seen_.size());
        }
        return true;
    }

    struct Range {
        std::string_view low;                  // inclusive
        std::optional<std::string_view> high;  // exclusive
    };

    void take_bucket(const Bucket& bucket, std::size_t nesting) {
        if (nesting == k_max_depth) {
            error("bbolt-bucket", bucket.within, "holds a bucket nested too deep");
            return;
        }
        try {
            if (bucket.root.value() == 0) {
                elements(file_.inline_page(bucket), {}, nesting);
            } else {
                pages(bucket.root, {}, 0, nesting);
            }
        } catch (const PageError& e) {
            error("bbolt-bucket", e.page(), e.fault());
        }
    }

    void pages(PageId id, const Range& range, std::size_t depth, std::size_t nesting) {
        if (depth == k_max_depth) {
            error("bbolt-page", id, fmt::format("lies deeper than {} levels", k_max_depth));
            return;
        }
        Page page;
        try {
            if (!take_span(id, file_.page_bytes(id))) return;
            page = file_.page(id);
        } catch (const PageError& e) {
            error("bbolt-page", e.page(), e.fault());
            return;
        }
        if (page.leaf()) {
            if (page.count() == 0 && depth != 0)
                error("bbolt-empty-page", id, "is a leaf without elements below a branch");
            elements(page, range, nesting);
            return;
        }
        if (!keys(page, range)) return;
        Page::BranchElement e;
        for (std::uint32_t i = 0; i < page.count() && page.branch_element(i, e); ++i) {
            Range below{e.key, range.high};
            Page::BranchElement next;
            if (i + 1 < page.count() && page.branch_element(i + 1, next)) below.high = next.key;
            pages(e.child, below, depth + 1, nesting);
        }
    }

    void elements(const Page& page, const Range& range, std::size_t nesting) {
        keys(page, range);
        Page::LeafElement e;
        for (std::uint32_t i = 0; i < page.count() && page.leaf_element(i, e); ++i) {
            if (!e.bucket) {
                ++use_.elements;
                continue;
            }
            ++use_.buckets;
            try {
                take_bucket(file_.decode_bucket(e.value, page.id()), nesting + 1);
            } catch (const PageError& fault) {
                error("bbolt-bucket", fault.page(), fault.fault());
            }
        }
    }

    /// Keys ascend and lie in the range; only the first offence of a page is told.
    bool keys(const Page& page, const Range& range) {
        if (ascend(page, range)) return true;
        std::string_view before;
        std::string_view key;
        for (std::uint32_t i = 0; i < page.count() && page.key(i, key); ++i) {
            if (i != 0 && key <= before) {
                error("bbolt-key-order", page.id(), fmt::format("key {} is not above the one before it", i));
                return false;
            }
            if (key < range.low || (range.high && key >= *range.high)) {
                error("bbolt-key-range", page.id(),
                      fmt::format("key {} lies outside of what the branches above it say", i));
                return false;
            }
            before = key;
        }
        return true;
    }

    /// The same for the many pages that are sound: of keys that ascend the ends alone can lie outside.
    static bool ascend(const Page& page, const Range& range) {
        std::string_view first;
        if (page.count() == 0 || !page.key(0, first)) return true;
        std::string_view last = first;
        std::string_view key;
        for (std::uint32_t i = 1; i < page.count() && page.key(i, key); ++i) {
            if (key <= last) return false;
            last = key;
        }
        return first >= range.low && (!range.high || last < *range.high);
    }

    void freelist() {
        const PageId id = file_.meta().freelist;
        if (id == k_no_freelist) return;
        std::string_view bytes;
        try {
            bytes = file_.page_bytes(id);
        } catch (const PageError& e) {
            error("bbolt-freelist", e.page(), e.fault());
            return;
        }
        if (load_u16(bytes.data() + 8) != k_freelist_page) {
            error("bbolt-freelist", id, "is named as the freelist, but is no freelist page");
            return;
        }
        if (!take_span(id, bytes)) return;
        std::uint64_t count = load_u16(bytes.data() + 10);
        std::size_t at = k_page_header;
        if (count == 0xFFFF) {
            count = load_u64(bytes.data() + at);
            at += 8;
        }
        if (count > (bytes.size() - at) / 8) {
            error("bbolt-freelist", id, "names more free pages than it has room for");
            return;
        }
        for (std::uint64_t i = 0; i < count; ++i, at += 8) {
            const std::uint64_t free = load_u64(bytes.data() + at);
            if (free < 2 || free >= seen_.size()) {
                error("bbolt-freelist", id, fmt::format("names page {}, which does not exist", free));
            } else if (seen_[free]) {
                error("bbolt-freelist", id,
                      fmt::format("names page {}, which is in use or was named before", free));
            } else {
                seen_[free] = true;
                ++use_.free;
            }
        }
    }

    const File& file_;
    FindingLog log_;
    Progress* progress_;
    std::vector<bool> seen_;
    PageUse use_;
};

}  // namespace

PageUse check_structure(const File& file, Findings& findings, Progress* progress) {
    Checker checker(file, progress);
    const PageUse use = checker.run();
    for (Finding& f : checker.findings()) findings.push_back(std::move(f));
    return use;
}

}  // namespace kvctl::bbolt
