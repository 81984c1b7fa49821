#pragma once
#include <string_view>

namespace kvctl::store {

/// What a store is laid out as, by its name, which --layout takes.
class Layout {
  public:
    constexpr explicit Layout(std::string_view name) noexcept : name_(name) {}
    [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }
    friend constexpr bool operator==(Layout a, Layout b) noexcept { return a.name_ == b.name_; }

    static const Layout native;
    static const Layout kine;
    static const Layout bbolt;
    static const Layout dqlite;

  private:
    std::string_view name_;
};

inline constexpr Layout Layout::native{"native"};
inline constexpr Layout Layout::kine{"kine"};
inline constexpr Layout Layout::bbolt{"bbolt"};
inline constexpr Layout Layout::dqlite{"dqlite"};

[[nodiscard]] constexpr std::string_view name_of(Layout layout) noexcept {
    return layout.name();
}

}  // namespace kvctl::store
