#include "kvctl/jobs/page_picture.hpp"

#include <algorithm>
#include <array>

#include "kvctl/mvcc/slot_set.hpp"

namespace kvctl::jobs {
namespace {

using report::PageKind;
using report::PagePicture;
using Weights = std::array<std::uint64_t, report::k_page_kinds>;

constexpr std::uint64_t k_whole = 255;  // of a page

void add_page(store::PageUse use, std::uint8_t live, Weights& to) {
    const auto add = [&](PageKind kind, std::uint64_t weight) {
        to[static_cast<std::size_t>(kind)] += weight;
    };
    switch (use) {
        case store::PageUse::rows:
            add(PageKind::live, live);
            add(PageKind::history, k_whole - live);
            break;
        case store::PageUse::overflow:
            add(PageKind::overflow, k_whole);
            break;
        case store::PageUse::inner:
        case store::PageUse::index:
            add(PageKind::index, k_whole);
            break;
        case store::PageUse::other:
            add(PageKind::other, k_whole);
            break;
        case store::PageUse::free:
            add(PageKind::free, k_whole);
            break;
    }
}

mvcc::SlotSet live_rows(const mvcc::TreeIndex& index) {
    mvcc::SlotSet live(index.slot_end());
    for (mvcc::KeyId id = 0; id < index.key_count(); ++id) {
        const mvcc::KeyIndex key = index.key_index(id);
        if (key.live()) live.insert(key.slot(key.size() - 1));
    }
    return live;
}

}  // namespace

PagePicture picture_of(const store::PageMap& map) {
    PagePicture p;
    p.page_size = map.page_size;
    p.pages = map.use.size();
    p.pages_per_cell =
        std::max<std::uint64_t>(1, (p.pages + PagePicture::k_most_cells - 1) / PagePicture::k_most_cells);
    Weights all{};
    for (std::size_t begin = 0; begin < map.use.size(); begin += p.pages_per_cell) {
        Weights cell{};
        const std::size_t end = std::min(map.use.size(), begin + p.pages_per_cell);
        for (std::size_t i = begin; i < end; ++i) add_page(map.use[i], map.live[i], cell);
        p.cells.push_back(static_cast<PageKind>(std::max_element(cell.begin(), cell.end()) - cell.begin()));
        for (std::size_t k = 0; k < cell.size(); ++k) all[k] += cell[k];
    }
    for (std::size_t k = 0; k < all.size(); ++k)
        p.bytes[k] = static_cast<std::uint64_t>(static_cast<double>(all[k]) / static_cast<double>(k_whole) *
                                                static_cast<double>(p.page_size));
    return p;
}

std::optional<PagePicture> draw_pages(store::Store& store, const mvcc::TreeIndex& index, Progress* progress) {
    const auto map = store.page_map(index, live_rows(index), progress);
    if (!map) return std::nullopt;
    return picture_of(*map);
}

}  // namespace kvctl::jobs
