#include "kvctl/sqlite/table_pages.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kvctl/base/bytes.hpp"

namespace kvctl::sqlite {
namespace {

using Node = TablePages::Node;

constexpr unsigned char k_interior = 0x05;
constexpr unsigned char k_leaf = 0x0D;
constexpr int k_deepest = 20;
constexpr std::uint32_t k_run_bytes = 256 << 10;
// Leaves that are looked at before the first of their rows is taken: what of them is not in the processor's
// cache comes together: a tenth of the processor's time that a scan of kine's rows takes.
constexpr std::size_t k_group = 8;
constexpr std::uint32_t k_given_back_at = 2 << 20;  // of what is mapped: more often costs a tenth of the scan
constexpr std::int64_t k_lowest = std::numeric_limits<std::int64_t>::min();

unsigned be16(const unsigned char* at) noexcept {
    return static_cast<unsigned>(at[0]) << 8 | at[1];
}

// The cells of a page of a table's b-tree; page 1, which holds the schema, is none.
class Cells {
  public:
    Cells(const unsigned char* page, std::uint32_t usable) : page_(page), usable_(usable) {}

    [[nodiscard]] bool is(unsigned char type) const noexcept { return page_[0] == type; }
    // Whether all of them begin where cells may.
    [[nodiscard]] bool sound() const noexcept {
        const unsigned first = header() + 2 * count();
        if (first > usable_) return false;
        for (unsigned i = 0; i < count(); ++i) {
            if (at(i) < first || at(i) > usable_ - 4) return false;
        }
        return true;
    }
    // Whether it is a leaf, sound, whose cells all hold something.
    [[nodiscard]] bool sound_leaf() const noexcept {
        if (!is(k_leaf) || !sound()) return false;
        bool filled = true;
        for (unsigned i = 0; i < count(); ++i) filled = filled && page_[at(i)] != 0;
        return filled;
    }
    [[nodiscard]] unsigned count() const noexcept { return be16(page_ + 3); }
    [[nodiscard]] unsigned at(unsigned i) const noexcept {
        return be16(page_ + header() + std::size_t{2} * i);
    }
    [[nodiscard]] std::string_view bytes() const noexcept {
        return {reinterpret_cast<const char*>(page_), usable_};
    }

    // Adds an interior page's children. False: their keys do not ascend within its bounds.
    [[nodiscard]] bool children(const Node& node, std::vector<Node>& out) const {
        if (!is(k_interior) || count() == 0 || !sound()) return false;
        std::int64_t after = node.after;
        for (unsigned i = 0; i < count(); ++i) {
            const unsigned char* const cell = page_ + at(i);
            std::uint64_t key = 0;
            if (read_varint(cell + 4, page_ + usable_, key) == 0) return false;
            const auto upto = static_cast<std::int64_t>(key);
            if (upto <= after || upto >= node.upto) return false;
            out.push_back({be32(cell), after, upto});
            after = upto;
        }
        out.push_back({be32(page_ + 8), after, node.upto});
        return true;
    }

  private:
    [[nodiscard]] unsigned header() const noexcept { return is(k_interior) ? 12 : 8; }
    const unsigned char* page_;
    std::uint32_t usable_;
};

// Reads leaves, neighbours in the file at once.
class LeafRuns {
  public:
    explicit LeafRuns(const PageFile& file)
        : file_(file), most_(std::max<std::uint32_t>(1, k_run_bytes / file.page_size())) {}
    ~LeafRuns() { give_back(); }
    LeafRuns(const LeafRuns&) = delete;
    LeafRuns& operator=(const LeafRuns&) = delete;

    // Calls f with each leaf and its page, in order, until it says false or the page is none.
    template <class F>
    [[nodiscard]] bool each(std::span<const Node> leaves, const F& f) {
        for (std::size_t i = 0; i < leaves.size();) {
            const std::uint32_t first = leaves[i].page;
            std::size_t end = i + 1;
            // A gap costs what it has pages; as many as are wanted may lie between them.
            while (end < leaves.size() && leaves[end].page > leaves[end - 1].page &&
                   leaves[end].page - first < most_ && leaves[end].page - first < 2 * (end - i + 1)) {
                ++end;
            }
            const unsigned char* const pages = get(first, leaves[end - 1].page - first + 1);
            if (pages == nullptr) return false;
            const auto cells = [&](std::size_t leaf) {
                const std::uint32_t behind = leaves[leaf].page - first;
                return Cells(pages + std::size_t{behind} * file_.page_size(), file_.usable_size());
            };
            while (i < end) {
                const std::size_t group_end = std::min(i + k_group, end);
                for (std::size_t n = i; n < group_end; ++n) {
                    if (!cells(n).sound_leaf()) return false;
                }
                for (; i < group_end; ++i) {
                    if (!f(leaves[i], cells(i))) return false;
                }
            }
        }
        return true;
    }

  private:
    // nullptr: they cannot be read.
    const unsigned char* get(std::uint32_t first, std::uint32_t count) {
        if (const unsigned char* const mapped = file_.mapped(first, count)) {
            if (mapped_ >= k_given_back_at / file_.page_size()) give_back();
            lowest_ = mapped_ == 0 ? first : std::min(lowest_, first);
            highest_ = std::max(highest_, first + count);
            mapped_ += count;
            return mapped;
        }
        bytes_.resize(std::size_t{most_} * file_.page_size());
        return file_.read(first, count, bytes_.data()) ? bytes_.data() : nullptr;
    }
    void give_back() {
        if (mapped_ != 0) file_.give_back(lowest_, highest_);
        lowest_ = highest_ = mapped_ = 0;
    }

    const PageFile& file_;
    std::uint32_t most_;
    std::vector<unsigned char> bytes_;
    // Mapped pages in use: how many, and where they lie.
    std::uint32_t mapped_ = 0;
    std::uint32_t lowest_ = 0;
    std::uint32_t highest_ = 0;
};

}  // namespace

std::optional<TablePages> TablePages::find(const PageFile& file, std::uint32_t root) {
    if (root < 2) return std::nullopt;
    std::vector<unsigned char> page(file.page_size());
    TablePages t;
    t.nodes_.push_back({root, k_lowest, std::numeric_limits<std::int64_t>::max()});
    if (!file.read(root, 1, page.data())) return std::nullopt;
    t.root_is_leaf_ = page[0] == k_leaf;
    if (t.root_is_leaf_) return t;
    for (int depth = 1; depth < k_deepest; ++depth) {
        std::vector<Node> children;
        for (const Node& n : t.nodes_) {
            if (!file.read(n.page, 1, page.data())) return std::nullopt;
            if (!Cells(page.data(), file.usable_size()).children(n, children)) return std::nullopt;
            // All leaves are equally deep: one tells of all. The list of them would be the longest.
            if (&n == t.nodes_.data()) {
                std::vector<unsigned char> child(file.page_size());
                if (!file.read(children.front().page, 1, child.data())) return std::nullopt;
                if (child[0] == k_leaf) return t;
            }
        }
        t.nodes_ = std::move(children);
    }
    return std::nullopt;
}

bool TablePages::each_row(const PageFile& file, std::span<const Node> nodes,
                          std::span<const PageRow::Place> places,
                          const std::function<void(const PageRow&)>& f) const {
    PageRow row(places);
    const auto take = [&](const Node& leaf, const Cells& cells) {
        if (cells.count() == 0 && !root_is_leaf_) return false;
        std::int64_t last = leaf.after;
        for (unsigned i = 0; i < cells.count(); ++i) {
            if (!row.read(cells.bytes(), cells.at(i))) return false;
            const bool lowest = row.rowid() == k_lowest && i == 0 && leaf.after == k_lowest;
            if ((row.rowid() <= last && !lowest) || row.rowid() > leaf.upto) return false;
            last = row.rowid();
            f(row);
            if (row.odd()) return false;
        }
        return true;
    };
    LeafRuns runs(file);
    if (root_is_leaf_) return runs.each(nodes, take);
    std::vector<unsigned char> page(file.page_size());
    std::vector<Node> leaves;
    for (const Node& n : nodes) {
        leaves.clear();
        if (!file.read(n.page, 1, page.data())) return false;
        if (!Cells(page.data(), file.usable_size()).children(n, leaves)) return false;
        if (!runs.each(leaves, take)) return false;
    }
    return true;
}

}  // namespace kvctl::sqlite
