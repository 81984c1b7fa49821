#include "kvctl/bbolt/cursor.hpp"

#include <algorithm>
#include <string>

#include "kvctl/base/format.hpp"

namespace kvctl::bbolt {
namespace {

// bbolt takes such a page out of the tree: its count is damaged.
constexpr const char* k_empty_leaf = "is a leaf without elements below a branch";

}  // namespace

Cursor::Cursor(const File& file, const Bucket& bucket, FindingLog* log)
    : file_(&file), bucket_(bucket), log_(log) {}

bool Cursor::none() {
    file_->check_readable();
    leaf_ = {};
    element_ = {};
    depth_ = 0;
    return false;
}

bool Cursor::skip(PageId page, const std::string& fault) {
    if (log_ == nullptr) throw PageError(file_->path(), page, fault);
    log_->add({Finding::Severity::error, "bbolt-page", place(file_->path(), page),
               fault + "; what is below it was skipped"});
    return false;
}

bool Cursor::load() {
    while (!leaf_.page.leaf_element(leaf_.at, element_)) {
        skip(leaf_.page.id(), fmt::format("element {} changed while it was read", leaf_.at));
        if (++leaf_.at >= leaf_.page.count()) return next_leaf();
    }
    return true;
}

bool Cursor::mark(const Page& page) {
    const std::uint64_t begin = page.id().value();
    const std::uint64_t end = begin + page.bytes().size() / file_->page_size();
    for (std::uint64_t i = begin; i < end && i < visited_.size(); ++i) {
        if (visited_[i]) return false;
        visited_[i] = true;
    }
    return true;
}

std::uint64_t Cursor::pages_in_common(const Cursor& other) const noexcept {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < std::min(visited_.size(), other.visited_.size()); ++i)
        n += visited_[i] && other.visited_[i] ? 1U : 0U;
    return n;
}

void Cursor::start_marking() {
    if (!visited_.empty() || bucket_.root.value() == 0) return;
    visited_.resize(file_->meta().high_water.value());
    for (std::size_t i = 0; i < depth_; ++i) mark(stack_[i].page);
    if (leaf_.page.count() != 0) mark(leaf_.page);
}

bool Cursor::enter(PageId id, Page& page) {
    try {
        page = file_->page(id);
    } catch (const PageError& e) {
        return skip(e.page(), e.fault());
    }
    if (!mark(page)) return skip(id, "is reached a second time in the same bucket");
    entered_ += page.bytes().size() / file_->page_size();
    return true;
}

bool Cursor::child(PageId& id) {
    Level& level = stack_[depth_ - 1];
    Page::BranchElement e;
    if (!level.page.branch_element(level.at, e)) return skip(level.page.id(), "changed while it was read");
    id = e.child;
    return true;
}

bool Cursor::descend(PageId id, Edge edge) {
    for (;;) {
        Page page;
        if (!enter(id, page)) return false;
        if (page.count() == 0 && depth_ != 0) return skip(id, k_empty_leaf);
        const std::uint32_t at = edge == Edge::first || page.count() == 0 ? 0 : page.count() - 1;
        if (page.leaf()) {
            leaf_ = {page, at};
            return true;
        }
        if (depth_ == k_max_depth) return skip(id, fmt::format("lies deeper than {} levels", k_max_depth));
        stack_[depth_++] = {page, at};
        if (!child(id)) return false;
    }
}

bool Cursor::next_leaf() {
    start_marking();
    while (depth_ != 0) {
        Level& level = stack_[depth_ - 1];
        if (++level.at >= level.page.count()) {
            --depth_;
            continue;
        }
        PageId id;
        if (child(id) && descend(id, Edge::first) && leaf_.page.count() != 0) return load();
    }
    return none();
}

bool Cursor::start_inline() {
    none();
    try {
        leaf_.page = file_->inline_page(bucket_);
    } catch (const PageError& e) {
        return skip(e.page(), e.fault());
    }
    return leaf_.page.count() != 0;
}

bool Cursor::first() {
    visited_.clear();
    if (bucket_.root.value() == 0) return start_inline() ? load() : none();
    none();
    if (descend(bucket_.root, Edge::first) && leaf_.page.count() != 0) return load();
    return next_leaf();
}

bool Cursor::last() {
    visited_.clear();
    if (bucket_.root.value() == 0) {
        if (!start_inline()) return none();
        leaf_.at = leaf_.page.count() - 1;
        return load();
    }
    none();
    for (bool found = descend(bucket_.root, Edge::last); !found || leaf_.page.count() == 0;) {
        // The page was damaged or empty: take the one before it.
        start_marking();
        while (depth_ != 0 && stack_[depth_ - 1].at == 0) --depth_;
        if (depth_ == 0) return none();
        --stack_[depth_ - 1].at;
        PageId id;
        found = child(id) && descend(id, Edge::last);
    }
    return load();
}

std::uint32_t Cursor::lower_bound(const Page& page, std::string_view key) const noexcept {
    std::uint32_t low = 0;
    std::uint32_t high = page.count();
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        std::string_view k;
        if (page.key(middle, k) && k < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool Cursor::descend_to(PageId id, std::string_view key) {
    for (;;) {
        Page page;
        if (!enter(id, page)) return false;
        if (page.count() == 0 && depth_ != 0) return skip(id, k_empty_leaf);
        std::uint32_t at = lower_bound(page, key);
        if (page.leaf()) {
            leaf_ = {page, at};
            return true;
        }
        if (depth_ == k_max_depth) return skip(id, fmt::format("lies deeper than {} levels", k_max_depth));
        // The child to look in is the last one that does not begin above the key.
        std::string_view k;
        if (at == page.count() || !page.key(at, k) || k != key) at = at == 0 ? 0 : at - 1;
        stack_[depth_++] = {page, at};
        if (!child(id)) return false;
    }
}

bool Cursor::seek(std::string_view key) {
    visited_.clear();
    if (bucket_.root.value() == 0) {
        if (!start_inline()) return none();
        leaf_.at = lower_bound(leaf_.page, key);
    } else {
        none();
        if (!descend_to(bucket_.root, key)) return next_leaf();
    }
    return leaf_.at < leaf_.page.count() ? load() : next_leaf();
}

bool Cursor::skip_to(std::string_view key) {
    for (std::size_t i = 0; i < depth_; ++i) {
        Level& level = stack_[i];
        const std::uint32_t before = level.at;
        std::string_view next;
        while (level.at + 1 < level.page.count() && level.page.key(level.at + 1, next) && next <= key)
            ++level.at;
        if (level.at == before) continue;
        start_marking();
        depth_ = i + 1;
        PageId id;
        if (!child(id) || !descend_to(id, key)) return next_leaf();
        return leaf_.at < leaf_.page.count() ? load() : next_leaf();
    }
    bool more = this->next();
    while (more && element_.key < key) more = this->next();
    return more;
}

}  // namespace kvctl::bbolt
