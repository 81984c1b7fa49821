#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/html/sections.hpp"

#include "kvctl/report/html/charts.hpp"

namespace kvctl::report::html {
namespace {

std::string words_of(PageKind kind) {
    switch (kind) {
        case PageKind::live:
            return "live rows";
        case PageKind::history:
            return "rows of history";
        case PageKind::overflow:
            return "overflow of long rows";
        case PageKind::index:
            return "indexes and inner pages";
        case PageKind::other:
            return "headers and other tables";
        case PageKind::free:
            return "free";
    }
    return "";
}

}  // namespace

void write_page_map(std::ostream& out, const StoreReport& r) {
    open_section(out, "pages", "Pages of the file");
    if (!r.pages) {
        out << "<p>Not known of this store.</p></section>\n";
        return;
    }
    const PagePicture& p = *r.pages;
    out << "<div class=\"pair\"><div>\n";
    const std::string each =
        p.pages_per_cell == 1 ? "a square a page"
                              : fmt::format("a square for {} pages, in the colour of what most of them hold",
                                            group_digits(p.pages_per_cell));
    write_figure(out,
                 fmt::format("{} of {}, from the beginning: {}", many(p.pages, "page"),
                             format_bytes(p.page_size), each),
                 [&] { write_pages(out, "Pages of the file by what they hold", p); });
    std::vector<std::pair<std::string_view, std::string>> legend;
    Rows rows;
    std::uint64_t all = 0;
    for (const std::uint64_t bytes : p.bytes) all += bytes;
    for (std::size_t i = 0; i < k_page_kinds; ++i) {
        const auto kind = static_cast<PageKind>(i);
        legend.emplace_back(name_of(kind), words_of(kind));
        rows.push_back({words_of(kind), format_bytes(p.bytes[i]),
                        percent(static_cast<double>(p.bytes[i]), static_cast<double>(all))});
    }
    write_legend(out, legend);
    out << "</div><div>\n";
    write_table(out, "t-pages", "Pages by what they hold",
                {{"pages of"}, {"bytes", Kind::number}, {"of the file", Kind::number}}, rows);
    out << "</div></div></section>\n";
}

}  // namespace kvctl::report::html
