#include "kvctl/report/html/charts.hpp"

#include <algorithm>
#include <cmath>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/html/text.hpp"
#include "kvctl/report/html/treemap.hpp"

namespace kvctl::report::html {
namespace {

// The last component: of "/registry/pods/" the word "pods".
std::string_view last_component(std::string_view prefix) noexcept {
    std::string_view name = prefix;
    while (name.ends_with('/')) name.remove_suffix(1);
    const std::size_t slash = name.rfind('/');
    if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
    return name.empty() ? prefix : name;
}

void open_picture(std::ostream& out, std::string_view label, std::string_view kind, const std::string& view,
                  bool stretched) {
    out << "<svg class=\"" << kind << R"(" role="img" aria-label=")" << text(label) << "\" viewBox=\"" << view
        << '"' << (stretched ? " preserveAspectRatio=\"none\"" : "") << '>';
}

}  // namespace

void write_bar(std::ostream& out, std::string_view label, const std::vector<Part>& parts,
               std::uint64_t whole) {
    open_picture(out, label, "bar", "0 0 1000 10", true);
    double at = 0;
    for (const Part& p : parts) {
        const double width = whole > 0 ? 1000 * static_cast<double>(p.bytes) / static_cast<double>(whole) : 0;
        if (p.bytes > 0) {
            out << "<rect class=\"" << p.kind << "\" x=\"" << decimal(at) << R"(" y="0" width=")"
                << decimal(width) << R"(" height="10"/>)";
        }
        at += width;
    }
    out << "</svg>\n";
}

void write_columns(std::ostream& out, std::string_view label, const std::vector<double>& heights,
                   const std::vector<std::string>& names) {
    const double highest = heights.empty() ? 0 : *std::max_element(heights.begin(), heights.end());
    open_picture(out, label, "plot", fmt::format("0 0 {} 100", heights.size() * 10), true);
    for (std::size_t i = 0; i < heights.size(); ++i) {
        const double height = highest > 0 ? 98 * heights[i] / highest : 0;
        out << R"(<rect class="index" x=")" << i * 10 + 1 << "\" y=\"" << decimal(100 - height)
            << R"(" width="8" height=")" << decimal(height) << "\"><title>" << text(names[i])
            << "</title></rect>";
    }
    out << "</svg>\n";
}

void write_treemap(std::ostream& out, std::string_view whole, const std::vector<mvcc::NamedUsage>& parts) {
    std::vector<const mvcc::NamedUsage*> shown;
    for (const mvcc::NamedUsage& p : parts) {
        if (p.usage.bytes() > 0) shown.push_back(&p);
    }
    std::stable_sort(shown.begin(), shown.end(),
                     [](const auto* a, const auto* b) { return a->usage.bytes() > b->usage.bytes(); });
    std::vector<double> weights;
    weights.reserve(shown.size());
    for (const auto* p : shown) weights.push_back(static_cast<double>(p->usage.bytes()));
    // In percent of the picture, which is about twice as wide as it is high.
    constexpr double k_aspect = 2;
    const std::vector<Box> boxes = squarify(weights, 100 * k_aspect, 100);
    out << R"(<ul class="map" aria-label=")" << text(whole) << "\">\n";
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        const mvcc::NamedUsage& p = *shown[i];
        const Box& b = boxes[i];
        const double live = 100 * static_cast<double>(p.usage.live_bytes) / weights[i];
        const std::string name = shortened(p.name, 120);
        const bool small = b.width / k_aspect < 9 || b.height < 11;
        out << "<li" << (small ? " class=\"small\"" : "") << " title=\"" << text(name) << ": "
            << format_bytes(p.usage.bytes()) << ", " << format_bytes(p.usage.live_bytes)
            << " of it live\" style=\"left:" << decimal(b.x / k_aspect) << "%;top:" << decimal(b.y)
            << "%;width:" << decimal(b.width / k_aspect) << "%;height:" << decimal(b.height)
            << R"(%"><i class="live" style="height:)" << decimal(live) << "%\"></i><span>"
            << text(shortened(last_component(p.name), 40)) << "<br>" << format_bytes(p.usage.bytes())
            << "</span></li>\n";
    }
    out << "</ul>\n";
}

void write_pages(std::ostream& out, std::string_view label, const PagePicture& picture) {
    // Two and a half times as wide as high.
    const auto wide = static_cast<std::size_t>(std::sqrt(2.5 * static_cast<double>(picture.cells.size())));
    const std::size_t columns = std::max<std::size_t>(wide, 10);
    const std::size_t rows = (picture.cells.size() + columns - 1) / columns;
    open_picture(out, label, "pages", fmt::format("0 0 {} {}", columns, std::max<std::size_t>(rows, 1)),
                 false);
    // One path a kind, in which a run of cells in a row is one box.
    for (std::size_t kind = 0; kind < k_page_kinds; ++kind) {
        std::string path;
        for (std::size_t i = 0; i < picture.cells.size();) {
            const auto is_kind = [&](std::size_t c) {
                return picture.cells[c] == static_cast<PageKind>(kind);
            };
            if (!is_kind(i)) {
                ++i;
                continue;
            }
            std::size_t end = i + 1;
            while (end < picture.cells.size() && end % columns != 0 && is_kind(end)) ++end;
            path += fmt::format("M{0} {1}h{2}v1h-{2}z", i % columns, i / columns, end - i);
            i = end;
        }
        if (!path.empty())
            out << "<path class=\"" << name_of(static_cast<PageKind>(kind)) << "\" d=\"" << path << "\"/>";
    }
    out << "</svg>\n";
}

void write_legend(std::ostream& out, const std::vector<std::pair<std::string_view, std::string>>& kinds) {
    out << "<ul class=\"legend\">";
    for (const auto& [kind, words] : kinds)
        out << "<li><i class=\"" << kind << "\"></i>" << text(words) << "</li>";
    out << "</ul>\n";
}

}  // namespace kvctl::report::html
