#include <limits>

#include "kvctl/bbolt/tree_size.hpp"
#include "kvctl/store/bbolt/bucket_changes.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"

namespace kvctl::store {
namespace {

constexpr std::uint64_t k_fixed_pages = 3;  // two metas and the freelist

// Pages of a bucket with those of the buckets in it, and the size of its parent's element. A file in which
// buckets reach each other's pages has no end: no more pages are entered than there are.
class Measuring {
  public:
    explicit Measuring(const bbolt::File& file) : file_(file) {}

    bbolt::TreeSize::Result bucket(const bbolt::Bucket& bucket, const BucketChanges& changes,
                                   std::size_t depth = 1) {
        entered_ += bucket.root.value() == 0 ? 0 : 1;
        if (depth > bbolt::k_max_depth || entered_ > file_.meta().high_water.value())
            throw bbolt::PageError(file_.path(), bucket.within, "holds a bucket nested too deep");
        bbolt::TreeSize size(file_.page_size());
        std::uint64_t below = 0;
        each_element(file_, bucket, changes,
                     [&](const bbolt::Cursor& at, std::string_view key, std::string_view value, bool nested) {
                         if (!nested) {
                             size.add(key.size(), value.size());
                             return;
                         }
                         const auto r = this->bucket(file_.decode_bucket(value, at.page()), {}, depth + 1);
                         below += r.pages;
                         size.add(key.size(), r.value_bytes, true);
                     });
        bbolt::TreeSize::Result r = size.finish();
        r.pages += below;
        return r;
    }

  private:
    const bbolt::File& file_;
    std::uint64_t entered_ = 0;
};

// The rows that stay, from the index alone.
bbolt::TreeSize::Result rows_by_index(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                      std::uint64_t page_size) {
    bbolt::TreeSize size(page_size);
    const bool compacts = plan.kind == mvcc::CompactionPlan::Kind::compact;
    index.for_each_block(0, index.slot_end(), [&](const mvcc::TreeIndex::Columns& c) {
        for (mvcc::Slot i = 0; i < c.count; ++i) {
            if (compacts && plan.removed_slots.contains(c.base + i)) continue;
            const std::uint64_t key = c.tombstone(i) ? 18 : 17;
            size.add(key, std::uint64_t{c.bytes[i]} + c.overhead[i] - bbolt::k_element - key);
        }
    });
    return size.finish();
}

bool knows_sizes(const BboltStore& store, const mvcc::TreeIndex& index) {
    bool known = store.is_whole(index);
    index.for_each_block(0, index.slot_end(), [&](const mvcc::TreeIndex::Columns& c) {
        for (mvcc::Slot i = 0; i < c.count; ++i) {
            known = known && c.bytes[i] != std::numeric_limits<std::uint32_t>::max() &&
                    c.overhead[i] != std::numeric_limits<std::uint8_t>::max();
        }
    });
    return known;
}

}  // namespace

RebuildSize::RebuildSize(const BboltStore& store, const mvcc::TreeIndex& index)
    : store_(store), index_(index), exact_(knows_sizes(store, index)) {
    const bbolt::File& file = store.file();
    Measuring measuring(file);
    each_element(file, file.root(), {},
                 [&](const bbolt::Cursor& at, std::string_view key, std::string_view value, bool nested) {
                     Element e{key.size(), value.size(), nested, {}};
                     if (nested && (key == "key" || key == "meta" || key == "alarm")) {
                         e.name = key;
                     } else if (nested) {
                         const auto r = measuring.bucket(file.decode_bucket(value, at.page()), {});
                         e.value_bytes = r.value_bytes;
                         pages_ += r.pages;
                     }
                     root_.push_back(std::move(e));
                 });
}

std::uint64_t RebuildSize::bytes(const mvcc::CompactionPlan& plan, bool disarm) const {
    const bbolt::File& file = store_.file();
    const RebuildChanges changes{&index_, &plan, disarm};
    bbolt::TreeSize root(file.page_size(), true);
    std::uint64_t pages = k_fixed_pages + pages_;
    for (const Element& e : root_) {
        std::uint64_t value_bytes = e.value_bytes;
        if (!e.name.empty()) {
            const auto r = e.name == "key" && exact_
                               ? rows_by_index(index_, plan, file.page_size())
                               : Measuring(file).bucket(*file.bucket(e.name), changes_of(e.name, changes));
            value_bytes = r.value_bytes;
            pages += r.pages;
        }
        root.add(e.key_bytes, value_bytes, e.bucket);
    }
    return (pages + root.finish().pages) * file.page_size() + (file.has_digest() ? bbolt::k_digest_bytes : 0);
}

}  // namespace kvctl::store
