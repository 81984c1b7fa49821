#pragma once
#include <fmt/core.h>

#include "kvctl/base/strong.hpp"

/// Sentences with values in them are fmt::format's; this is how the ids of strong.hpp stand in one: as their
/// number. The light header of fmt alone is included: the work is in its library.
template <class Tag, class Rep>
struct fmt::formatter<kvctl::Strong<Tag, Rep>> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
    template <class Context>
    auto format(const kvctl::Strong<Tag, Rep>& id, Context& context) const {
        return fmt::format_to(context.out(), "{}", id.value());
    }
};
