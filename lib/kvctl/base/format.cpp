#include "kvctl/base/format.hpp"

#include <fmt/format-inl.h>

// What fmt's own library holds, made here once from its headers: Debian has that library shared alone, and
// one static file must stay possible. Every other source includes fmt/core.h, which declares these.
namespace fmt::detail {
template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>,
                                 locale_ref);
}  // namespace fmt::detail
