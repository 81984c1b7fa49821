#pragma once
#include <vector>

namespace kvctl::report::html {

struct Box {
    double x = 0;
    double y = 0;
    double width = 0;
    double height = 0;
};

/// Boxes that fill a rectangle, each with the share of it that its weight has of all, as near to squares as
/// can be had one row at a time. `weights` are above 0 and descend; the boxes come in their order.
[[nodiscard]] std::vector<Box> squarify(const std::vector<double>& weights, double width, double height);

}  // namespace kvctl::report::html
