#include "kvctl/store/cluster.hpp"

#include <charconv>

#include "kvctl/base/bytes.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"

namespace kvctl::store {
namespace {

constexpr std::string_view k_member_row = "member_";

std::optional<std::uint64_t> id_in(std::string_view digits) noexcept {
    std::uint64_t id = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), id, 16);
    if (fault != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return id;
}

Cluster cluster_of_bbolt(const BboltStore& store, std::optional<LogIndex> consistent_index) {
    Cluster c;
    const auto each = [&](const char* name, const auto& f) {
        const auto bucket = store.file().bucket(name);
        if (!bucket) return;
        bbolt::Cursor cursor(store.file(), *bucket);
        for (bool more = cursor.first(); more; more = cursor.next()) {
            const auto id = id_in(cursor.key());
            if (id && !cursor.is_bucket()) f(*id, cursor.value());
        }
    };
    each("members_removed", [&](std::uint64_t id, std::string_view) { c.members[id] = Standing::removed; });
    each("members", [&](std::uint64_t id, std::string_view json) {
        // As Go's encoder writes it; inside a string the quotes would be escaped.
        const bool learner = json.find("\"isLearner\":true") != std::string_view::npos;
        c.members[id] = learner ? Standing::learner : Standing::voter;
    });
    c.members_at = consistent_index.value_or(LogIndex{0});
    if (const auto version = store.meta_bytes("storageVersion")) c.storage_version = std::string(*version);
    return c;
}

}  // namespace

std::optional<std::uint64_t> id_of_member_row(std::string_view name) noexcept {
    if (!name.starts_with(k_member_row)) return std::nullopt;
    return id_in(name.substr(k_member_row.size()));
}

std::vector<std::pair<std::string, std::int64_t>> member_rows(const Cluster& cluster) {
    std::vector<std::pair<std::string, std::int64_t>> rows;
    for (const auto& [id, standing] : cluster.members) {
        rows.emplace_back(std::string(k_member_row) + hex(id), static_cast<std::int64_t>(standing));
    }
    if (!rows.empty())
        rows.emplace_back("members_index", static_cast<std::int64_t>(cluster.members_at.value()));
    return rows;
}

Cluster cluster_of(Store& store) {
    if (const auto* const bbolt = dynamic_cast<const BboltStore*>(&store))
        return cluster_of_bbolt(*bbolt, store.head().consistent_index);
    Cluster c;
    if (store.info().layout != Layout::native) return c;
    for (const auto& [name, value] : store.meta()) {
        const auto bits = static_cast<std::uint64_t>(value);
        if (name == "raft_cluster_id") c.cluster_id = bits;
        if (name == "raft_member_id") c.member_id = bits;
        if (name == "members_index") c.members_at = LogIndex{bits};
        if (const auto id = id_of_member_row(name); id && value >= -1 && value <= 1)
            c.members[*id] = static_cast<Standing>(value);
    }
    return c;
}

}  // namespace kvctl::store
