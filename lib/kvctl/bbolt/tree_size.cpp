#include "kvctl/bbolt/tree_size.hpp"

namespace kvctl::bbolt {

TreeSize::TreeSize(std::uint64_t page_size, bool root) : page_size_(page_size), may_inline_(!root) {
    levels_.push_back({PageFill(page_size, true)});
}

void TreeSize::add(std::uint64_t key_bytes, std::uint64_t value_bytes, bool bucket) {
    if (bucket) may_inline_ = false;
    add_at(0, key_bytes, value_bytes);
}

void TreeSize::add_at(std::size_t level, std::uint64_t key_bytes, std::uint64_t value_bytes) {
    if (level == levels_.size()) levels_.push_back({PageFill(page_size_, false)});
    if (!levels_[level].fill.takes(key_bytes + value_bytes)) emit(level);
    Level& l = levels_[level];
    if (l.fill.count() == 0) l.first_key = key_bytes;
    l.fill.add(key_bytes + value_bytes);
}

void TreeSize::emit(std::size_t level) {
    Level& l = levels_[level];
    pages_ += l.fill.pages();
    l.fill.clear();
    const std::uint64_t key = l.first_key;
    const std::uint64_t before = l.first_emitted;
    if (++l.emitted == 1) {
        l.first_emitted = key;
        return;
    }
    // A level above begins with the second page; `l` may move from here on.
    if (l.emitted == 2) add_at(level + 1, before, 0);
    add_at(level + 1, key, 0);
}

TreeSize::Result TreeSize::finish() {
    Level& leaves = levels_.front();
    if (may_inline_ && leaves.emitted == 0 && leaves.fill.fits_inline())
        return {0, k_bucket_header + leaves.fill.bytes()};
    for (std::size_t i = 0; i < levels_.size(); ++i) {
        if (levels_[i].fill.count() != 0 || levels_[i].emitted == 0) emit(i);
        if (levels_[i].emitted == 1) break;
    }
    return {pages_, k_bucket_header};
}

}  // namespace kvctl::bbolt
