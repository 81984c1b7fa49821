#include "kvctl/report/html/treemap.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace kvctl::report::html {
namespace {

// The longest side of a row's worst box against its shortest: areas from..to along a side of this length.
double worst_ratio(const std::vector<double>& areas, std::size_t from, std::size_t to, double side) {
    const double sum = std::accumulate(areas.begin() + static_cast<std::ptrdiff_t>(from),
                                       areas.begin() + static_cast<std::ptrdiff_t>(to), 0.0);
    // Areas descend: the first and the last are the extremes.
    const double thickness = sum / side;
    const double longest = areas[from] / thickness;
    const double shortest = areas[to - 1] / thickness;
    return std::max(std::max(longest / thickness, thickness / longest),
                    std::max(shortest / thickness, thickness / shortest));
}

}  // namespace

std::vector<Box> squarify(const std::vector<double>& weights, double width, double height) {
    const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<Box> boxes;
    if (all <= 0 || width <= 0 || height <= 0) return boxes;
    std::vector<double> areas;
    areas.reserve(weights.size());
    for (const double w : weights) areas.push_back(w / all * width * height);
    Box left{0, 0, width, height};
    for (std::size_t from = 0; from < areas.size();) {
        const bool stands = left.width >= left.height;  // a row along the left side, else along the top
        const double side = stands ? left.height : left.width;
        std::size_t to = from + 1;
        while (to < areas.size() &&
               worst_ratio(areas, from, to + 1, side) <= worst_ratio(areas, from, to, side))
            ++to;
        double sum = 0;
        for (std::size_t i = from; i < to; ++i) sum += areas[i];
        const double thickness = to == areas.size() ? (stands ? left.width : left.height) : sum / side;
        double at = stands ? left.y : left.x;
        for (std::size_t i = from; i < to; ++i) {
            const double length = areas[i] / sum * side;
            boxes.push_back(stands ? Box{left.x, at, thickness, length} : Box{at, left.y, length, thickness});
            at += length;
        }
        if (stands) {
            left.x += thickness;
            left.width -= thickness;
        } else {
            left.y += thickness;
            left.height -= thickness;
        }
        from = to;
    }
    return boxes;
}

}  // namespace kvctl::report::html
