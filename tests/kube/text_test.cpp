#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/kube/json_text.hpp"
#include "kvctl/kube/quantity.hpp"
#include "kvctl/kube/resource.hpp"
#include "kvctl/kube/times.hpp"

using namespace kvctl;
using kube::JsonReader;

TEST_CASE("json text: members come as they are written") {
    JsonReader r(R"( { "a" : [1, {"b":2}] , "c":"x\"}" } )");
    JsonReader::Member m;
    REQUIRE(r.next_member(m));
    CHECK(m.key == "a");
    CHECK(m.value == R"([1, {"b":2}])");
    REQUIRE(r.next_member(m));
    CHECK(m.value == R"("x\"}")");
    CHECK_FALSE(r.next_member(m));
    CHECK_FALSE(r.bad());
}

TEST_CASE("json text: what is no JSON is refused, and nothing is read behind its end") {
    for (const char* text : {"", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "01", "1.",
                             "-", "tru", "\"\\x\"", "\"a", "{1:2}", "{\"a\":1]", "\"\x01\"", "\"\\u12\""}) {
        CAPTURE(text);
        CHECK_FALSE(kube::is_json(text));
    }
    for (const char* text : {"{}", "[]", " [ ] ", "0", "-1.5e+3", "true", "\"\\u00e4\"", "{\"a\":[{}]}"}) {
        CAPTURE(text);
        CHECK(kube::is_json(text));
    }
    CHECK(kube::is_json(std::string(256, '[') + std::string(256, ']')));
    CHECK_FALSE(kube::is_json(std::string(257, '[') + std::string(257, ']')));
    CHECK_FALSE(kube::is_json(std::string(1'000'000, '[')));
}

TEST_CASE("json text: escapes, surrogates included") {
    std::string storage;
    CHECK(kube::json_string(R"("a\n\u00e4\ud83d\ude00\ud83d")", storage) ==
          "a\n\xC3\xA4\xF0\x9F\x98\x80\xEF\xBF\xBD");
    std::string out;
    kube::append_json_string(out, std::string("a\"\\\n\x01\xff\xC3\xA4", 8));
    CHECK(out == "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA4\"");
}

TEST_CASE("times: RFC 3339 there and back") {
    struct Row {
        std::string text;
        std::string same;  // empty: no time
    };
    const std::vector<Row> rows{
        {"2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"},
        {"2026-11-20T08:00Z", "2026-11-20T08:00:00Z"},
        {"2026-11-20", "2026-11-20T00:00:00Z"},
        {"2026-11-20 08:00", "2026-11-20T08:00:00Z"},
        {"2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"},
        {"2026-11-19T23:30:00-08:30", "2026-11-20T08:00:00Z"},
        {"2024-02-29T00:00:00.999999Z", "2024-02-29T00:00:00Z"},
        {"1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
        {"2023-02-29", ""},
        {"2026-13-01", ""},
        {"2026-11-20T24:00:00Z", ""},
        {"2026-11-20T08:00:00Zx", ""},
        {"20261120", ""},
        {"", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto time = kube::parse_time(row.text);
        CHECK((time ? kube::format_time(*time) : "") == row.same);
    }
    CHECK(kube::format_micro_time(*kube::parse_time("2026-11-20T08:00:00.000004Z")) ==
          "2026-11-20T08:00:00.000004Z");
    CHECK(kube::format_micro_time(kube::Time(-1)) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("times: durations as Go prints them") {
    struct Row {
        std::int64_t nanoseconds;
        std::string text;
    };
    const std::vector<Row> rows{{0, "0s"},
                                {1, "1ns"},
                                {1500, "1.5µs"},
                                {2'000'000, "2ms"},
                                {1'000'000'000, "1s"},
                                {5'400'000'000'000, "1h30m0s"},
                                {61'500'000'000, "1m1.5s"},
                                {-1'000'000'000, "-1s"}};
    for (const Row& row : rows) CHECK(kube::format_duration(row.nanoseconds) == row.text);
}

TEST_CASE("quantity: equal amounts, other bytes") {
    for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{{"0.5", "500m"},
                                                                               {"1024Mi", "1Gi"},
                                                                               {"1e3", "1k"},
                                                                               {"1E3", "1000"},
                                                                               {"0", ""},
                                                                               {"-0", "0"},
                                                                               {"1.5Gi", "1536Mi"},
                                                                               {"0.1", "100m"},
                                                                               {"12E6", "12M"},
                                                                               {"1Ei", "1024Pi"}}) {
        CAPTURE(a);
        CHECK(kube::same_quantity(a, b));
        CHECK(kube::same_quantity(b, a));
    }
    for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{
             {"1", "2"}, {"1k", "1Ki"}, {"1", "-1"}, {"x", "y"}, {"1m", "1M"}, {"1e999999999999", "0"}}) {
        CAPTURE(a);
        CHECK_FALSE(kube::same_quantity(a, b));
    }
}

TEST_CASE("resource: what a key says") {
    struct Row {
        std::string key;
        std::string resource, name_space, name;
    };
    const std::vector<Row> rows{
        {"/registry/pods/default/web", "pods", "default", "web"},
        {"/registry/minions/n1", "nodes", "", "n1"},
        {"/registry/services/specs/default/web", "services", "default", "web"},
        {"/registry/services/endpoints/default/web", "endpoints", "default", "web"},
        {"/registry/argoproj.io/applications/argocd/a", "applications.argoproj.io", "argocd", "a"},
        {"/registry/apiextensions.k8s.io/customresourcedefinitions/a.b",
         "customresourcedefinitions.apiextensions.k8s.io", "", "a.b"},
        {"/registry/health", "", "", ""},
        {"/bootstrap/2ac9", "", "", ""},
        {"compact_rev_key", "", "", ""},
        {"", "", "", ""},
        {"/", "", "", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.key);
        const kube::KeyPath path = kube::parse_key(row.key);
        CHECK(path.full_resource() == row.resource);
        CHECK(path.name_space == row.name_space);
        CHECK(path.name == row.name);
    }
    // Under another prefix the object tells.
    kube::KeyPath path;
    CHECK(kube::parse_key("/my/own/cluster/pods/default/web", "default", "web", path));
    CHECK(path.full_resource() == "pods");
    CHECK(kube::parse_key("/kubernetes.io/pods/default/web", "default", "web", path));
    CHECK(path.full_resource() == "pods");
    CHECK_FALSE(kube::parse_key("/registry/pods/default/web", "default", "other", path));
    CHECK_FALSE(kube::parse_key("/registry/pods/default/web", "other", "web", path));
    CHECK(path.full_resource() == "pods");
}
