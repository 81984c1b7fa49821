#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "kvctl/mvcc/hash.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/index_builder.hpp"

using namespace kvctl;
using namespace kvctl::mvcc;
using test::naive::Row;
using test::naive::Store;

namespace {

Record record_of(const Row& r) {
    Record out;
    out.revision = r.revision;
    out.tombstone = r.tombstone;
    out.key = r.key;
    out.create_revision = r.create_revision;
    out.version = r.version;
    out.lease = r.lease;
    out.value = r.value;
    return out;
}

KvHash::Result hash_of(const Store& store, const CompactionRules& rules, std::int64_t at,
                       std::optional<MainRevision> as_if = std::nullopt, bool per_key = false) {
    KvHash::Request request;
    request.rules = rules;
    request.current = MainRevision(store.current());
    request.compacted = MainRevision(store.compacted());
    request.at = MainRevision(at);
    request.as_if_compacted = as_if;
    request.per_key = per_key;
    KvHash hash(request);
    for (const auto& [r, row] : store.rows()) hash.add(record_of(row));
    return hash.finish();
}

void one(Store& s, const char* key, const char* value) {
    s.put(key, value);
    s.end();
}

Store appendix_a(const test::naive::Rules& rules) {
    Store s(rules);
    one(s, "foo", "v1");
    one(s, "bar", "b1");
    one(s, "foo", "v2");
    s.remove("foo");
    s.end();
    one(s, "foo", "v3");
    s.put("k1", "a");
    s.put("k2", "b");
    s.remove("bar");
    s.end();
    one(s, "b", "1");
    return s;
}

// Key number i of etcd's long test (etcd.md, appendix B).
void load(Store& s, int from, int count) {
    constexpr std::array<const char*, 7> k_names{"alice", "bob",       "celine", "dominik",
                                                 "eve",   "frederica", "gorge"};
    for (int i = from; i <= from + count; ++i) {
        const char* key = i % 142 == 30  ? "zenek"
                          : i % 71 == 30 ? "xavery"
                                         : k_names[static_cast<std::size_t>(i % 7)];
        s.put(key, std::to_string(i));
        s.end();
    }
}

struct Expected {
    std::uint32_t hash;
    std::int64_t compacted;
    std::int64_t at;
};

void check_long_vectors(const std::vector<Expected>& rows, const test::naive::Rules& model, int offset) {
    Store store(model);
    const CompactionRules rules = test::rules_like(model);
    int a = 0;
    std::size_t i = 0;
    const auto check = [&] {
        const Expected& e = rows[i++];
        CAPTURE(e.at);
        CHECK(store.compacted() == e.compacted);
        const KvHash::Result got = hash_of(store, rules, e.at);
        CHECK(got.hash == e.hash);
        CHECK(got.compacted.value() == e.compacted);
        CHECK(got.revision.value() == e.at);
    };
    for (; a < 1210; a += 71) {
        load(store, a, 71);
        if (offset == 0) REQUIRE(store.current() == rows[i].at);
        const std::int64_t h = offset == 0 ? store.current() : a + offset;
        REQUIRE(h == rows[i].at);
        check();
        REQUIRE(store.compact(h) == Store::Answer::done);
    }
    load(store, a, 1210);
    check();
    CHECK(i == rows.size());
}

}  // namespace

TEST_CASE("hash: the recorded fixture at every revision, never compacted") {
    const std::vector<std::uint32_t> expected{1084519789, 1089167655, 1481841600, 3803789241,
                                              4132529865, 245089237,  920944882,  2232368161};
    for (const auto& model : {test::naive::k_classic, test::naive::k_keep}) {
        const Store store = appendix_a(model);
        const CompactionRules rules = test::rules_like(model);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CAPTURE(i);
            CHECK(hash_of(store, rules, static_cast<std::int64_t>(i) + 1).hash == expected[i]);
        }
        const KvHash::Result current = hash_of(store, rules, 0);
        CHECK(current.hash == expected.back());
        CHECK(current.revision.value() == 8);
        CHECK(current.rows == 9);
        CHECK(hash_of(store, rules, -5).hash == 1084519789);
        test::check_error(ErrorKind::future_revision, "required revision is a future revision",
                          [&] { (void)hash_of(store, rules, 9); });
    }
    CHECK(hash_of(Store(test::naive::k_classic), classic_rules(), 0).hash == 1084519789);
}

TEST_CASE("hash: the recorded fixture compacted to 5 and then 7, both rules") {
    for (const auto& model : {test::naive::k_classic, test::naive::k_keep}) {
        Store store = appendix_a(model);
        const CompactionRules rules = test::rules_like(model);
        REQUIRE(store.compact(5) == Store::Answer::done);
        CHECK(hash_of(store, rules, 6).hash == 644901378);
        CHECK(hash_of(store, rules, 7).hash == 1661059101);
        CHECK(hash_of(store, rules, 8).hash == 2407730862);
        if (model.keep_at_rev) {
            CHECK(hash_of(store, rules, 5).hash == 1499665312);
        } else {
            test::check_error(ErrorKind::compacted, "required revision has been compacted",
                              [&] { (void)hash_of(store, rules, 5); });
        }
        test::check_error(ErrorKind::compacted, "the compact revision is 5",
                          [&] { (void)hash_of(store, rules, 4); });
        REQUIRE(store.compact(7) == Store::Answer::done);
        CHECK(hash_of(store, rules, 8).hash == 3762023258);
        if (model.keep_at_rev) CHECK(hash_of(store, rules, 7).hash == 434543394);
    }
}

TEST_CASE("hash: a put and a delete of one key in one request") {
    Store store = appendix_a(test::naive::k_classic);
    for (const char* key : {"b", "foo", "k1", "k2"}) store.remove(key);
    store.put("b", "2");
    store.end();
    CHECK(hash_of(store, classic_rules(), 9).hash == 992089950);
}

TEST_CASE("hash: etcd's long vectors, hashed half way") {
    const std::vector<Expected> rows{
        {4082599214, -1, 35},     {2279933401, 35, 106},    {3284231217, 106, 177},  {126286495, 177, 248},
        {900108730, 248, 319},    {2475485232, 319, 390},   {1226296507, 390, 461},  {2503661030, 461, 532},
        {4155130747, 532, 603},   {106915399, 603, 674},    {406914006, 674, 745},   {1882211381, 745, 816},
        {806177088, 816, 887},    {664311366, 887, 958},    {1496914449, 958, 1029}, {2434525091, 1029, 1100},
        {3988652253, 1100, 1171}, {1122462288, 1171, 1242}, {724436716, 1242, 1883}};
    check_long_vectors(rows, test::naive::k_keep, 35);
    check_long_vectors(rows, test::naive::k_classic, 35);
}

TEST_CASE("hash: etcd's long vectors, hashed at the current revision") {
    const std::vector<Expected> rows{
        {1913897190, -1, 73},     {224860069, 73, 145},     {1565167519, 145, 217},
        {1566261620, 217, 289},   {2037173024, 289, 361},   {691659396, 361, 433},
        {2713730748, 433, 505},   {3919322507, 505, 577},   {769967540, 577, 649},
        {2909194793, 649, 721},   {1576921157, 721, 793},   {4067701532, 793, 865},
        {2226384237, 865, 937},   {2923408134, 937, 1009},  {2680329256, 1009, 1081},
        {1546717673, 1081, 1153}, {2713657846, 1153, 1225}, {1046575299, 1225, 1297},
        {2017735779, 1297, 2508}};
    check_long_vectors(rows, test::naive::k_keep, 0);
    check_long_vectors(rows, test::naive::k_classic, 0);
}

TEST_CASE("hash: as if compacted equals compacting first") {
    for (const auto& model : {test::naive::k_classic, test::naive::k_keep}) {
        const CompactionRules rules = test::rules_like(model);
        const Store store = appendix_a(model);
        for (std::int64_t c = 0; c <= 8; ++c) {
            Store compacted = appendix_a(model);
            REQUIRE(compacted.compact(c) == Store::Answer::done);
            for (std::int64_t at = c + (model.hash_at_compact_rev ? 0 : 1); at <= 8; ++at) {
                if (at <= 0) continue;
                CAPTURE(c);
                CAPTURE(at);
                const KvHash::Result simulated = hash_of(store, rules, at, MainRevision(c));
                CHECK(simulated.hash == hash_of(compacted, rules, at).hash);
                CHECK(simulated.hash == compacted.hash(at));
                CHECK(simulated.compacted.value() == c);
            }
        }
        for (const std::int64_t at : {0, 8}) {
            test::check_error(ErrorKind::future_revision, "revision 9: required revision is a future",
                              [&] { (void)hash_of(store, rules, at, MainRevision(9)); });
        }
    }
}

TEST_CASE("hash: per key, in byte order of the keys, the whole unchanged") {
    const Store store = appendix_a(test::naive::k_classic);
    const KvHash::Result r = hash_of(store, classic_rules(), 7, std::nullopt, true);
    CHECK(r.hash == 920944882);
    REQUIRE(r.keys.size() == 4);
    CHECK(r.keys[0].revisions == 2);  // bar: a put and its tombstone
    CHECK(r.keys[1].revisions == 4);  // foo
    CHECK(r.keys[2].revisions == 1);
    // A key's own hash does not depend on the other keys.
    Store alone(test::naive::k_classic);
    one(alone, "bar", "0");
    const auto only = hash_of(alone, classic_rules(), 2, std::nullopt, true);
    REQUIRE(only.keys.size() == 1);
    CHECK(only.keys[0].hash != r.keys[0].hash);
    CHECK(hash_of(store, classic_rules(), 0, std::nullopt, true).hash == 2232368161);
}

TEST_CASE("hash: a value stored as a message is hashed as stored") {
    KvHash::Request request;
    request.rules = classic_rules();
    request.current = MainRevision(2);
    KvHash as_stored(request);
    Record r;
    r.revision = {2, 0};
    r.key = "foo";
    r.create_revision = 2;
    r.version = 1;
    r.value = "v1";
    std::string message;
    append_key_value(message, r);
    message += "\x3a\x01x";  // a field that no etcd knows
    r.stored = message;
    r.has_stored = true;
    as_stored.add(r);
    KvHash rebuilt(request);
    r.has_stored = false;
    rebuilt.add(r);
    CHECK(rebuilt.finish().hash == 1089167655);
    CHECK(as_stored.finish().hash != 1089167655);
}

TEST_CASE("hash: begun anew after rows came in the wrong order") {
    const Store store = appendix_a(test::naive::k_classic);
    KvHash::Request request;
    request.rules = classic_rules();
    request.current = MainRevision(8);
    request.compacted = MainRevision(3);
    KvHash hash(request);
    hash.add(record_of(store.rows().rbegin()->second));
    hash.restart();
    for (const auto& [r, row] : store.rows()) hash.add(record_of(row));
    Store expected = Store::reopened(test::naive::k_classic, store.row_list(), 3);
    CHECK(hash.finish().hash == expected.hash(8));
}
