#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/bucket_changes.hpp"

// The cluster a db is of, by its own buckets: confState may be that of the cluster a snapshot was taken of.
namespace kvctl::store {
namespace {

// Calls f(cursor) for every row of a bucket, none where it is missing.
template <class F>
void each_row(const bbolt::File& file, const char* name, F f) {
    const auto bucket = file.bucket(name);
    if (!bucket) return;
    bbolt::Cursor cursor(file, *bucket);
    for (bool more = cursor.first(); more; more = cursor.next()) f(cursor);
}

}  // namespace

std::vector<EtcdFacts::Member> BboltStore::members() const {
    std::vector<EtcdFacts::Member> all;
    each_row(file_, "members", [&](const bbolt::Cursor& cursor) {
        const auto id = parse_hex(cursor.key());
        const auto json = nlohmann::json::parse(cursor.value(), nullptr, false);
        if (!id || !json.is_object()) {
            throw Error(ErrorKind::damaged, fmt::format("{}: bucket members, element {}: is no member",
                                                        file_.path(), cursor.position()));
        }
        EtcdFacts::Member member{*id, {}, false};
        if (const auto name = json.find("name"); name != json.end() && name->is_string())
            member.name = name->get<std::string>();
        if (const auto learner = json.find("isLearner"); learner != json.end() && learner->is_boolean())
            member.learner = learner->get<bool>();
        all.push_back(std::move(member));
    });
    std::sort(all.begin(), all.end(),
              [](const EtcdFacts::Member& a, const EtcdFacts::Member& b) { return a.id < b.id; });
    return all;
}

Cluster BboltStore::cluster() {
    Cluster c;
    const auto each = [&](const char* name, const auto& f) {
        each_row(file_, name, [&](const bbolt::Cursor& cursor) {
            const auto id = parse_hex(cursor.key());
            if (id && !cursor.is_bucket()) f(*id, cursor.value());
        });
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

bool BboltStore::space_alarm() {
    bool on = false;
    each_row(file_, "alarm", [&](const bbolt::Cursor& cursor) { on = on || is_nospace(cursor.key()); });
    return on;
}

// Members compacted to different revisions answer transactions that read an old revision differently and
// diverge for ever; so do members one of which has an alarm less than the others.
void BboltStore::check_member_change(const MemberChange& change) {
    std::size_t members = 0;
    each_row(file_, "members", [&](const bbolt::Cursor&) { ++members; });
    if (members <= 1) return;
    const auto refuse = [&](std::string_view why) {
        throw Error(ErrorKind::refused,
                    fmt::format("{}: is one of {} members of a cluster; {}", info_.path, members, why));
    };
    if (change.disarms) {
        refuse(
            "an alarm is part of what all of them hold, and one without it diverges: --disarm is "
            "for a cluster of one ('etcdctl alarm disarm' works while the alarm is on, as do "
            "'etcdctl compact' and 'etcdctl defrag')");
    }
    if (!change.itself || !change.compacts || change.all_members) return;
    refuse(
        "members compacted to different revisions answer differently and diverge for ever. Stop "
        "them all and compact each with --all-members and the same --rev N; or write a new file "
        "with -o and restore the cluster from it; or compact one, and let the others join anew");
}

}  // namespace kvctl::store
