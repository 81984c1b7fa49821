#include <algorithm>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/slot_cursor.hpp"

namespace kvctl::store {
namespace {

using bbolt::Page;
using bbolt::PageId;

// Walks every bucket once. What cannot be read is left as it was when it was reached: other.
class Walk {
  public:
    Walk(const bbolt::File& file, const mvcc::TreeIndex& index, const mvcc::SlotSet& live, Progress* progress,
         PageMap& map)
        : file_(file), index_(index), live_(live), cursor_(index), progress_(progress), map_(map) {}

    void run(PageId rows_root) {
        rows_root_ = rows_root;
        for (std::size_t i = 0; i < 2 && i < map_.use.size(); ++i) map_.use[i] = PageUse::other;
        if (file_.meta().freelist != bbolt::k_no_freelist) freelist();
        bucket(file_.root(), 0);
        file_.check_readable();
    }

  private:
    // A freelist that cannot be read is the check's to tell.
    void freelist() {
        try {
            (void)take(file_.meta().freelist, file_.page_bytes(file_.meta().freelist));
        } catch (const bbolt::PageError&) {
        }
    }

    // Marks a span as other; false when a page of it was reached before, or lies outside.
    bool take(PageId id, std::string_view bytes) {
        const std::uint64_t end = id.value() + bytes.size() / map_.page_size;
        if (end > map_.use.size()) return false;
        for (std::uint64_t i = id.value(); i < end; ++i) {
            if (map_.use[i] != PageUse::free) return false;
        }
        for (std::uint64_t i = id.value(); i < end; ++i) map_.use[i] = PageUse::other;
        constexpr std::uint64_t k_step = 4096;
        if (++taken_ % k_step == 0) {
            check_interrupt();
            if (progress_ != nullptr) progress_->update("mapping pages", taken_, map_.use.size());
        }
        return true;
    }

    void bucket(const bbolt::Bucket& b, std::size_t nesting) {
        if (b.root.value() == 0 || nesting == bbolt::k_max_depth) return;  // inline: in its parent's page
        pages(b.root, 0, nesting, nesting == 1 && b.root == rows_root_);
    }

    void pages(PageId id, std::size_t depth, std::size_t nesting, bool rows) {
        if (depth == bbolt::k_max_depth) return;
        try {
            if (!take(id, file_.page_bytes(id))) return;
            const Page page = file_.page(id);
            if (page.leaf() && rows) {
                leaf(page);
            } else if (page.leaf()) {
                buckets(page, nesting);
            } else {
                if (rows) map_.use[id.value()] = PageUse::inner;
                Page::BranchElement e;
                for (std::uint32_t i = 0; i < page.count() && page.branch_element(i, e); ++i)
                    pages(e.child, depth + 1, nesting, rows);
            }
        } catch (const bbolt::PageError&) {
        }
    }

    void buckets(const Page& page, std::size_t nesting) {
        Page::LeafElement e;
        for (std::uint32_t i = 0; i < page.count() && page.leaf_element(i, e); ++i) {
            if (e.bucket) bucket(file_.decode_bucket(e.value, page.id()), nesting + 1);
        }
    }

    void leaf(const Page& page) {
        std::uint64_t all = 0;
        std::uint64_t live = 0;
        Page::LeafElement e;
        for (std::uint32_t i = 0; i < page.count() && page.leaf_element(i, e); ++i) {
            const std::uint64_t bytes = e.key.size() + e.value.size();
            all += bytes;
            const auto at = mvcc::decode_revision(e.key);
            const mvcc::Slot slot = at ? cursor_.at(at->revision) : mvcc::k_no_slot;
            if (slot != mvcc::k_no_slot && live_.contains(slot)) live += bytes;
        }
        const std::uint64_t first = page.id().value();
        const std::uint64_t end = first + page.bytes().size() / map_.page_size;
        const auto share = static_cast<std::uint8_t>(all > 0 ? live * 255 / all : 0);
        for (std::uint64_t i = first; i < end; ++i) {
            map_.use[i] = i == first ? PageUse::rows : PageUse::overflow;
            map_.live[i] = share;
        }
    }

    const bbolt::File& file_;
    const mvcc::TreeIndex& index_;
    const mvcc::SlotSet& live_;
    SlotCursor cursor_;
    Progress* progress_;
    PageMap& map_;
    PageId rows_root_;
    std::uint64_t taken_ = 0;
};

}  // namespace

std::optional<PageMap> BboltStore::page_map(const mvcc::TreeIndex& index, const mvcc::SlotSet& live,
                                            Progress* progress) {
    PageMap map(file_.page_size(), file_.pages());
    Walk(file_, index, live, progress, map).run(rows_.root);
    return map;
}

}  // namespace kvctl::store
