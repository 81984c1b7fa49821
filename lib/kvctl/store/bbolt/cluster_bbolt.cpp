#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"

namespace kvctl::store {

Cluster BboltStore::cluster() {
    Cluster c;
    const auto each = [&](const char* name, const auto& f) {
        const auto bucket = file_.bucket(name);
        if (!bucket) return;
        bbolt::Cursor cursor(file_, *bucket);
        for (bool more = cursor.first(); more; more = cursor.next()) {
            const auto id = member_id(cursor.key());
            if (id && !cursor.is_bucket()) f(*id, cursor.value());
        }
    };
    each("members_removed", [&](std::uint64_t id, std::string_view) { c.members[id] = Standing::removed; });
    each("members", [&](std::uint64_t id, std::string_view json) {
        // As Go's encoder writes it; inside a string the quotes would be escaped.
        const bool learner = json.find("\"isLearner\":true") != std::string_view::npos;
        c.members[id] = learner ? Standing::learner : Standing::voter;
    });
    c.members_at = head().consistent_index.value_or(LogIndex{0});
    return c;
}

std::optional<std::string> BboltStore::storage_version() {
    const auto version = meta_bytes("storageVersion");
    return version ? std::optional<std::string>(*version) : std::nullopt;
}

}  // namespace kvctl::store
