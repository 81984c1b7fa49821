#include "kvctl/bbolt/salvage.hpp"

#include <vector>

#include "kvctl/base/interrupt.hpp"

namespace kvctl::bbolt {
namespace {

class Salvage {
  public:
    Salvage(const File& file, const std::function<void(std::string_view, std::string_view)>& element,
            const std::function<void(const KeyRange&)>& lost)
        : file_(file), element_(element), lost_(lost), seen_(file.meta().high_water.value()) {}

    void tree(PageId id, const KeyRange& range, std::size_t depth) {
        check_interrupt();
        std::string_view bytes;
        try {
            bytes = file_.page_bytes(id);
        } catch (const PageError&) {
            lost_(range);
            return;
        }
        if (depth == k_max_depth || seen_[id.value()]) {
            lost_(range);
            return;
        }
        seen_[id.value()] = true;
        const Page page(id, bytes);
        const bool sound = page.fault().empty();
        if (!sound) lost_(range);
        if (page.leaf()) {
            leaf(page, sound);
        } else if (load_u16(bytes.data() + 8) == k_branch_page) {
            branch(page, range, depth);
        }
    }

    void leaf(const Page& page, bool sound) {
        for (std::uint32_t i = 0; i < count_of(page); ++i) {
            Page::LeafElement e;
            if (page.leaf_element(i, e) && !e.bucket && (sound || stands_behind_table(page, e.key)))
                element_(e.key, e.value);
        }
    }

  private:
    // Of a broken page the table may speak of more elements than it has room for.
    [[nodiscard]] static std::uint32_t count_of(const Page& page) noexcept {
        const std::size_t room = (page.bytes().size() - k_page_header) / k_element;
        return page.count() < room ? page.count() : static_cast<std::uint32_t>(room);
    }

    [[nodiscard]] static bool stands_behind_table(const Page& page, std::string_view key) noexcept {
        const char* const table_end = page.bytes().data() + k_page_header + count_of(page) * k_element;
        return !key.empty() && key.data() >= table_end;
    }

    void branch(const Page& page, const KeyRange& range, std::size_t depth) {
        for (std::uint32_t i = 0; i < count_of(page); ++i) {
            Page::BranchElement e;
            if (!page.branch_element(i, e) || e.key.empty()) continue;
            KeyRange below{std::string(e.key), range.high};
            Page::BranchElement next;
            if (i + 1 < count_of(page) && page.branch_element(i + 1, next) && next.key > e.key)
                below.high = std::string(next.key);
            tree(e.child, below, depth + 1);
        }
    }

    const File& file_;
    const std::function<void(std::string_view, std::string_view)>& element_;
    const std::function<void(const KeyRange&)>& lost_;
    std::vector<bool> seen_;
};

}  // namespace

void salvage(const File& file, const Bucket& bucket,
             const std::function<void(std::string_view, std::string_view)>& element,
             const std::function<void(const KeyRange&)>& lost) {
    Salvage s(file, element, lost);
    if (bucket.root.value() != 0) {
        s.tree(bucket.root, {}, 0);
        return;
    }
    try {
        s.leaf(file.inline_page(bucket), true);
    } catch (const PageError&) {
        lost({});
    }
}

bool salvage_leaves(const File& file,
                    const std::function<void(std::string_view, std::string_view)>& element) {
    const auto free = file.freelist();
    if (!free) return false;
    std::vector<bool> unused(file.meta().high_water.value());
    for (const PageId id : *free) {
        if (id.value() < unused.size()) unused[id.value()] = true;
    }
    for (std::uint64_t id = 2; id < unused.size();) {
        check_interrupt();
        std::uint64_t span = 1;
        try {
            if (!unused[id]) {
                const Page page(PageId{id}, file.page_bytes(PageId{id}));
                span = page.bytes().size() / file.page_size();
                Page::LeafElement e;
                for (std::uint32_t i = 0; page.leaf() && page.fault().empty() && i < page.count(); ++i) {
                    if (page.leaf_element(i, e) && !e.bucket) element(e.key, e.value);
                }
            }
        } catch (const PageError&) {  // none begins here
        }
        id += span;
    }
    return true;
}

}  // namespace kvctl::bbolt
