#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kvctl/base/proto.hpp"
#include "kvctl/kube/compare.hpp"
#include "kvctl/kube/writer.hpp"
#include "tests/support/kube_objects.hpp"

using namespace kvctl;
using kube::Verdict;

namespace {

struct Compared {
    Verdict verdict = Verdict::change;
    std::vector<std::string> paths;
    std::string writer;
};

Compared compare(const std::string& before, const std::string& after) {
    kube::Object b;
    kube::Object a;
    b.read(before);
    a.read(after);
    kube::Comparer comparer;
    Compared c;
    c.verdict = comparer.compare(b, a, [&](const kube::Change& x) { c.paths.emplace_back(x.path); });
    std::sort(c.paths.begin(), c.paths.end());
    c.writer = kube::writer_of(&b, a, c.paths);
    return c;
}

using Paths = std::vector<std::string>;

std::string custom(const std::string& spec, std::vector<test::ManagerEntry> managers = {}) {
    return test::make_custom("example.com/v1", "Thing", {"t", "ns", 1, std::move(managers)}, spec);
}

// A Deployment's stored form from its spec's message.
std::string deployment(const std::string& spec) {
    std::string raw;
    proto::append_bytes(raw, 1, test::encode({"d", "ns", 1}));
    proto::append_bytes(raw, 2, spec);
    return test::stored("apps/v1", "Deployment", raw);
}

}  // namespace

TEST_CASE("compare: a Lease renewed is a heartbeat, one that changes hands is none") {
    const auto lease = [](const char* holder, std::int64_t at) {
        return test::make_lease({"n1", "ns", 1, {{"kubelet", at}}}, holder, at);
    };
    const Compared renewed = compare(lease("n1", 100), lease("n1", 110));
    CHECK(renewed.verdict == Verdict::heartbeat);
    CHECK(renewed.paths == Paths{"spec.renewTime"});
    CHECK(renewed.writer == "kubelet");
    const Compared taken = compare(lease("n1", 100), lease("n2", 110));
    CHECK(taken.verdict == Verdict::change);
    CHECK(taken.paths == Paths{"spec.holderIdentity", "spec.renewTime"});
    CHECK(compare(lease("n1", 100), lease("n1", 100)).verdict == Verdict::no_op);
}

TEST_CASE("compare: nothing but the managers' times is a no-op, in protobuf and in JSON") {
    const auto map = [](std::int64_t at, const char* fields) {
        return test::make_config_map({"a", "ns", 1, {{"m", at, fields}}}, {{"k", "v"}});
    };
    CHECK(compare(map(1, "{}"), map(2, "{}")).verdict == Verdict::no_op);
    // Blanks in fieldsV1 are no change, other fields are; they are not named.
    CHECK(compare(map(1, R"({"f:a":{}})"), map(2, R"({ "f:a": {} })")).verdict == Verdict::no_op);
    const Compared other = compare(map(1, R"({"f:a":{}})"), map(2, R"({"f:b":{}})"));
    CHECK(other.verdict == Verdict::change);
    CHECK(other.paths.empty());
    CHECK(compare(custom("{}", {{"m", 1}}), custom("{}", {{"m", 2}})).verdict == Verdict::no_op);
    // The order of managers follows their times.
    const auto two = [](std::int64_t x, std::int64_t y) {
        std::vector<test::ManagerEntry> managers{{"x", x}, {"y", y}};
        if (y < x) std::swap(managers[0], managers[1]);
        return test::make_config_map({"a", "ns", 1, managers}, {});
    };
    CHECK(compare(two(1, 2), two(3, 2)).verdict == Verdict::no_op);
}

TEST_CASE("compare: maps by key, conditions by type") {
    const Compared data =
        compare(test::make_config_map({"a", "ns", 1, {}, {{"x", "1"}}}, {{"k", "v"}, {"l", "w"}}),
                test::make_config_map({"a", "ns", 1, {}, {{"y", "1"}}}, {{"k", "u"}, {"l", "w"}}));
    CHECK(data.paths == Paths{"data.k", "metadata.annotations.x", "metadata.annotations.y"});
    const auto node = [](const char* status, std::int64_t beat, std::int64_t turned) {
        return test::make_node({"n1", "", 1}, status, beat, turned);
    };
    const Compared beat = compare(node("True", 100, 50), node("True", 110, 50));
    CHECK(beat.verdict == Verdict::heartbeat);
    CHECK(beat.paths == Paths{"status.conditions[type=Ready].lastHeartbeatTime"});
    CHECK(compare(node("True", 100, 50), node("True", 110, 60)).verdict == Verdict::heartbeat);
    const Compared down = compare(node("True", 100, 50), node("Unknown", 100, 110));
    CHECK(down.verdict == Verdict::change);
    CHECK(down.paths ==
          Paths{"status.conditions[type=Ready].lastTransitionTime", "status.conditions[type=Ready].status"});
}

TEST_CASE("compare: an Event seen again is a heartbeat") {
    const auto event = [](std::int64_t seen, std::int64_t count) {
        return test::make_event({"e", "ns", 1}, seen, count);
    };
    const Compared again = compare(event(100, 1), event(110, 2));
    CHECK(again.verdict == Verdict::heartbeat);
    CHECK(again.paths == Paths{"count", "lastTimestamp"});
}

TEST_CASE("compare: a time that comes or goes is a change") {
    std::string with;
    proto::append_bytes(with, 1, test::encode({"a", "ns", 1}));
    std::string meta = test::encode({"a", "ns", 1});
    std::string time;
    proto::append_number(time, 1, 100);
    proto::append_bytes(meta, 9, time);
    std::string deleted;
    proto::append_bytes(deleted, 1, meta);
    const Compared c =
        compare(test::stored("v1", "ConfigMap", with), test::stored("v1", "ConfigMap", deleted));
    CHECK(c.verdict == Verdict::change);
    CHECK(c.paths == Paths{"metadata.deletionTimestamp"});
}

TEST_CASE("compare: what is written empty and what is missing are the same, but for pointers") {
    std::string paused;
    proto::append_number(paused, 7, 0);
    CHECK(compare(deployment(""), deployment(paused)).verdict == Verdict::no_op);
    std::string none;
    proto::append_number(none, 1, 0);
    const Compared replicas = compare(deployment(""), deployment(none));
    CHECK(replicas.verdict == Verdict::change);
    CHECK(replicas.paths == Paths{"spec.replicas"});
}

TEST_CASE("compare: what an equal front is followed by counts, in any order") {
    using Fields = std::vector<std::pair<std::uint32_t, std::string>>;
    const auto config = [](const Fields& fields) {
        std::string meta;
        proto::append_bytes(meta, 1, "n");
        for (const auto& [number, value] : fields) proto::append_bytes(meta, number, value);
        std::string raw;
        proto::append_bytes(raw, 1, meta);
        return test::stored("v1", "ConfigMap", raw);
    };
    const auto entry = [](const char* key, const char* value) {
        std::string e;
        proto::append_bytes(e, 1, key);
        proto::append_bytes(e, 2, value);
        return e;
    };
    const auto both = [&](const Fields& before, const Fields& after, const Paths& paths) {
        CHECK(compare(config(before), config(after)).paths == paths);
        CHECK(compare(config(after), config(before)).paths == paths);
    };
    // generateName 2, namespace 3, annotations 12, finalizers 14
    both({{2, "g"}, {3, "ns"}}, {{2, "g"}, {3, "ns"}, {2, ""}}, {"metadata.generateName"});
    both({{2, "g"}, {3, "ns"}, {2, ""}, {2, "h"}}, {{2, "g"}, {3, "ns"}, {2, ""}}, {"metadata.generateName"});
    both({{3, "ns"}, {2, "g"}}, {{3, "ns"}, {2, "h"}}, {"metadata.generateName"});
    both({{3, "ns"}, {14, "x"}}, {{3, "ns"}, {14, "x"}, {14, "y"}}, {"metadata.finalizers[]"});
    both({{14, "x"}, {12, entry("a", "1")}}, {{14, "x"}, {12, entry("a", "1")}, {14, "y"}},
         {"metadata.finalizers[]"});
    both({{12, entry("a", "1")}, {14, "x"}}, {{12, entry("a", "1")}, {12, entry("b", "1")}, {14, "x"}},
         {"metadata.annotations.b"});
    both({{12, entry("a", "1")}, {12, entry("b", "1")}}, {{12, entry("b", "1")}, {12, entry("a", "1")}}, {});
    both({{3, "ns"}}, {{3, "nsx"}}, {"metadata.namespace"});
    both({}, {{14, "x"}}, {"metadata.finalizers[]"});
}

TEST_CASE("compare: quantities by amount") {
    const auto node = [](const char* cpu) {
        std::string quantity;
        proto::append_bytes(quantity, 1, cpu);
        std::string entry;
        proto::append_bytes(entry, 1, "cpu");
        proto::append_bytes(entry, 2, quantity);
        std::string status;
        proto::append_bytes(status, 1, entry);
        std::string raw;
        proto::append_bytes(raw, 1, test::encode({"n1", "", 1}));
        proto::append_bytes(raw, 3, status);
        return test::stored("v1", "Node", raw);
    };
    CHECK(compare(node("0.5"), node("500m")).verdict == Verdict::no_op);
    CHECK(compare(node("1"), node("2")).paths == Paths{"status.capacity.cpu"});
}

TEST_CASE("compare: JSON by content") {
    CHECK(compare(custom(R"({"a":1,"b":[1,2]})"), custom(R"({ "b" : [1, 2.0], "a":1e0 })")).verdict ==
          Verdict::no_op);
    CHECK(compare(custom(R"({"a":{"b":1}})"), custom(R"({"a":{"b":2}})")).paths == Paths{"spec.a.b"});
    CHECK(compare(custom(R"({})"), custom(R"({"a":{"b":2}})")).paths == Paths{"spec.a.b"});
    CHECK(compare(custom(R"({"l":[1,2]})"), custom(R"({"l":[1,3,4]})")).paths ==
          Paths{"spec.l[]", "spec.l[]"});
    CHECK(compare(custom(R"({"l":[{"name":"x","v":1},{"name":"y","v":1}]})"),
                  custom(R"({"l":[{"name":"y","v":2},{"name":"z","v":1}]})"))
              .paths == Paths{"spec.l[name=x]", "spec.l[name=y].v", "spec.l[name=z]"});
    const Compared time =
        compare(custom(R"({"at":"2026-11-20T08:00:00Z"})"), custom(R"({"at":"2026-11-20T08:00:05Z"})"));
    CHECK(time.verdict == Verdict::heartbeat);
    // What people write into a map of texts is no clock.
    CHECK(compare(custom(R"({"annotations":{"at":"2026-11-20T08:00:00Z"}})"),
                  custom(R"({"annotations":{"at":"2026-11-20T08:00:05Z"}})"))
              .verdict == Verdict::change);
}

TEST_CASE("compare: JSON values that begin alike are read to their own end") {
    const auto paths = [](const char* before, const char* after) {
        return compare(custom(before), custom(after)).paths;
    };
    CHECK(paths(R"({"a":1,"b":"x"})", R"({"a":12,"b":"x"})") == Paths{"spec.a"});
    CHECK(paths(R"({"a":"x","b":"y"})", R"({"a":"x\"y","b":"y"})") == Paths{"spec.a"});
    CHECK(paths(R"({"a":{"c":[1]},"b":"y"})", R"({"b":"z","a":{"c":[1]}})") == Paths{"spec.b"});
    CHECK(paths(R"({"a":[1,2],"b":"y"})", R"({"a":[1,2],"aa":[1,2],"b":"z"})") == Paths{"spec.aa", "spec.b"});
    CHECK(paths(R"({"a":true,"b":[]})", R"({"a":true , "b":[]})").empty());
}

TEST_CASE("compare: what is no object is compared as bytes") {
    CHECK(compare("k8s:enc:aescbc:v1:k:a", "k8s:enc:aescbc:v1:k:b").verdict == Verdict::change);
    CHECK(compare("x", "x").verdict == Verdict::no_op);
    CHECK(compare("x", "y").writer == "(unknown)");
    CHECK(compare("x", custom("{}")).verdict == Verdict::change);
}

TEST_CASE("compare: an object in another encoding or version by what the API server gives") {
    const std::string protobuf = test::make_config_map({"a", "ns", 0}, {{"k", "v"}});
    const std::string text =
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"ns","uid":"uid-a"},"data":{"k":"w"}})";
    CHECK(compare(protobuf, text).paths == Paths{"data.k"});
}

TEST_CASE("writer: the entry that is newer than it was, the newest of them") {
    const auto map = [](std::vector<test::ManagerEntry> managers, const char* value = "v") {
        return test::make_config_map({"a", "ns", 1, std::move(managers)}, {{"k", value}});
    };
    CHECK(compare(map({{"x", 1}, {"y", 2}}), map({{"x", 3}, {"y", 2}})).writer == "x");
    // y's clock is ahead: it is newest, but x wrote.
    CHECK(compare(map({{"x", 1}, {"y", 100}}), map({{"x", 3}, {"y", 100}})).writer == "x");
    // None newer: the newest, if it is alone.
    CHECK(compare(map({{"x", 1}, {"y", 2}}), map({{"x", 1}, {"y", 2}}, "w")).writer == "y");
    CHECK(compare(map({{"x", 2}, {"y", 2}}), map({{"x", 2}, {"y", 2}}, "w")).writer == "(unknown)");
    // Equally new: the one that owns what changed.
    const std::string owns_k = R"({"f:data":{".":{},"f:k":{}}})";
    const std::string owns_l = R"({"f:data":{".":{},"f:l":{}}})";
    CHECK(compare(map({{"x", 1, owns_l}, {"y", 1, owns_k}}), map({{"x", 2, owns_l}, {"y", 2, owns_k}}, "w"))
              .writer == "y");
    // A Lease without managers: its holder.
    CHECK(compare(test::make_lease({"l", "ns", 1}, "me", 1), test::make_lease({"l", "ns", 1}, "me", 2))
              .writer == "me");
}

TEST_CASE("writer: fieldsV1 owns a path around, at and below what it names") {
    const std::string fields =
        R"({"f:spec":{"f:replicas":{}},"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{".":{},"f:status":{}}}},)"
        R"("f:metadata":{"f:annotations":{"f:a.b/c":{}}}})";
    for (const char* path :
         {"spec.replicas", "spec", "status.conditions[type=Ready].status", "status.conditions[type=Ready]",
          "metadata.annotations.a.b/c", "spec.replicas.deeper"}) {
        CAPTURE(path);
        CHECK(kube::owns_field(fields, path));
    }
    for (const char* path : {"spec.replica", "spec.template", "status.conditions[type=Other].status",
                             "status.conditions[type=Ready].reason", "metadata.annotations.a.b"}) {
        CAPTURE(path);
        CHECK_FALSE(kube::owns_field(fields, path));
    }
    CHECK_FALSE(kube::owns_field("{}", "spec"));
    CHECK_FALSE(kube::owns_field("", "spec"));
}
