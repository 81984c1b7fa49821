#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvctl::mvcc {

/// The switches in which etcd's releases differ (etcd.md 0), and kine from etcd.
struct CompactionRules {
    enum class Tombstones {
        classic,      ///< a tombstone at the compact revision goes
        keep_at_rev,  ///< it stays
        kine,         ///< classic, but the row of the current revision never goes (kine.md 6)
    };

    Tombstones tombstones = Tombstones::classic;
    bool restore_orphan_tombstone = false;  ///< a tombstone with no earlier row of its key is indexed
    bool hash_at_compact_rev = false;       ///< HashKV at the compact revision is answered
    bool hash_skip_tombstone = false;       ///< HashKV leaves out a tombstone at the compact revision

    [[nodiscard]] bool kine() const noexcept { return tombstones == Tombstones::kine; }
    /// Whether a server sees a row of this main. etcd reads from revision 1 on; kine's SQL takes any id.
    [[nodiscard]] bool sees(std::int64_t main) const noexcept { return main > 0 || kine(); }

    friend bool operator==(const CompactionRules&, const CompactionRules&) = default;
};

/// 3.4.23's switches.
[[nodiscard]] CompactionRules classic_rules() noexcept;
/// 3.4.45's switches.
[[nodiscard]] CompactionRules keep_at_rev_rules() noexcept;
[[nodiscard]] CompactionRules kine_rules() noexcept;

/// Each switch by release: "3.5.16", "v3.6.0-rc.0". Throws a usage Error on anything else.
[[nodiscard]] CompactionRules rules_of_etcd_version(std::string_view version);

/// A release of etcd as a store names it. The patch number is no use: etcd stores 0 in its place.
struct EtcdRelease {
    int major = 0;
    int minor = 0;
    friend auto operator<=>(const EtcdRelease&, const EtcdRelease&) = default;

    [[nodiscard]] std::string text() const { return std::to_string(major) + "." + std::to_string(minor); }
    /// As one number, 30700 for 3.7, and back; nullopt when the number is none.
    [[nodiscard]] std::int64_t number() const noexcept;
    [[nodiscard]] static std::optional<EtcdRelease> of_number(std::int64_t number) noexcept;
    /// "3.7.0"; nullopt for anything else.
    [[nodiscard]] static std::optional<EtcdRelease> parse(std::string_view text) noexcept;
};

/// The rules of a store that names its release, etcd.md 0. All patch releases agree from 3.6 on and up
/// to 3.3; those of 3.4 and 3.5 do not, and then these are the newer ones, as every supported release has
/// them.
[[nodiscard]] CompactionRules rules_of_release(const EtcdRelease& release);
/// Whether the release alone says what becomes of a tombstone at the compact revision.
[[nodiscard]] bool release_decides(const EtcdRelease& release) noexcept;

/// "classic", "keep-at-rev" or "kine".
[[nodiscard]] std::string_view name_of(CompactionRules::Tombstones rule) noexcept;

}  // namespace kvctl::mvcc
