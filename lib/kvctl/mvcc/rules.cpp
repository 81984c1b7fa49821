#include "kvctl/mvcc/rules.hpp"

#include <array>
#include <charconv>
#include <compare>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::mvcc {
namespace {

struct Release {
    int major = 0;
    int minor = 0;
    int patch = 0;
    int stage = 3;  // 0 alpha, 1 beta, 2 rc, 3 released
    friend auto operator<=>(const Release&, const Release&) = default;
};

Release parse_release(std::string_view text) {
    const std::string_view given = text;
    const auto bad = [&] {
        return usage_error(fmt::format("'{}' is not an etcd version; expected X.Y.Z, such as 3.5.16", given));
    };
    if (text.starts_with('v')) text.remove_prefix(1);
    Release r;
    const std::array<int*, 3> parts{&r.major, &r.minor, &r.patch};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) {
            if (!text.starts_with('.')) throw bad();
            text.remove_prefix(1);
        }
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *parts[i]);
        if (code != std::errc{} || *parts[i] < 0) throw bad();
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
    if (text.empty()) return r;
    constexpr std::array<std::string_view, 3> k_stages{"-alpha", "-beta", "-rc"};
    for (std::size_t stage = 0; stage < k_stages.size(); ++stage) {
        if (!text.starts_with(k_stages[stage])) continue;
        text.remove_prefix(k_stages[stage].size());
        if (text.find_first_not_of(".0123456789") != std::string_view::npos) throw bad();
        r.stage = static_cast<int>(stage);
        return r;
    }
    throw bad();
}

// First 3.4 and 3.5 patch releases with a change; 3.6.0-rc.0 has them all.
bool has_change(const Release& r, int since_3_4, int since_3_5) {
    if (r.major != 3) return r.major > 3;
    if (r.minor == 4) return r.patch >= since_3_4;
    if (r.minor == 5) return r.patch >= since_3_5;
    return r >= Release{3, 6, 0, 2};
}

}  // namespace

CompactionRules classic_rules() noexcept {
    return {};
}

CompactionRules keep_at_rev_rules() noexcept {
    return {CompactionRules::Tombstones::keep_at_rev, true, true, true};
}

CompactionRules kine_rules() noexcept {
    return {CompactionRules::Tombstones::kine, true, false, false};
}

CompactionRules rules_of_etcd_version(std::string_view version) {
    const Release r = parse_release(version);
    if (r.major < 3) {
        throw usage_error(fmt::format("etcd {} has no multi-version store; 3.0.0 is the first", version));
    }
    const bool keep = has_change(r, 34, 16);
    return {keep ? CompactionRules::Tombstones::keep_at_rev : CompactionRules::Tombstones::classic,
            has_change(r, 36, 18), has_change(r, 27, 10), keep};
}

std::int64_t EtcdRelease::number() const noexcept {
    return std::int64_t{major} * 10000 + std::int64_t{minor} * 100;
}

std::optional<EtcdRelease> EtcdRelease::of_number(std::int64_t number) noexcept {
    if (number < 10000 || number >= 1000000) return std::nullopt;
    return EtcdRelease{static_cast<int>(number / 10000), static_cast<int>(number / 100 % 100)};
}

std::optional<EtcdRelease> EtcdRelease::parse(std::string_view text) noexcept try {
    const Release r = parse_release(text);
    if (r.major < 1 || r.major > 99 || r.minor > 99) return std::nullopt;
    return EtcdRelease{r.major, r.minor};
} catch (const Error&) {
    return std::nullopt;
}

bool release_decides(const EtcdRelease& release) noexcept {
    return release < EtcdRelease{3, 4} || release >= EtcdRelease{3, 6};
}

CompactionRules rules_of_release(const EtcdRelease& release) {
    return release < EtcdRelease{3, 4} ? classic_rules() : keep_at_rev_rules();
}

std::string_view name_of(CompactionRules::Tombstones rule) noexcept {
    switch (rule) {
        case CompactionRules::Tombstones::classic:
            return "classic";
        case CompactionRules::Tombstones::keep_at_rev:
            return "keep-at-rev";
        case CompactionRules::Tombstones::kine:
            return "kine";
    }
    return "classic";
}

}  // namespace kvctl::mvcc
