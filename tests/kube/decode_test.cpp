#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "kvctl/base/proto.hpp"
#include "kvctl/kube/decode.hpp"
#include "tests/support/kube_objects.hpp"

using namespace kvctl;
using nlohmann::json;

namespace {

json decoded(const std::string& value, bool reveal = false) {
    const kube::Decoded d = kube::decode("/registry/x/y", value, {reveal, nullptr});
    CHECK(d.fault == "");
    return json::parse(d.json);
}

std::string fault_of(const std::string& value) {
    return kube::decode("/registry/x/y", value, {}).fault;
}

// A message nested `depth` times in field 1.
std::string nested(int depth) {
    std::string m;
    for (int i = 0; i < depth; ++i) {
        std::string outer;
        proto::append_bytes(outer, 1, m);
        m = std::move(outer);
    }
    return m;
}

}  // namespace

TEST_CASE("encoding: told from how a value begins") {
    using Kind = kube::Encoding::Kind;
    CHECK(kube::detect_encoding("").kind == Kind::empty);
    CHECK(kube::detect_encoding("{\"a\":1}").kind == Kind::json);
    CHECK(kube::detect_encoding(std::string("k8s\0", 4)).kind == Kind::protobuf);
    CHECK(kube::detect_encoding("k8s").kind == Kind::other);
    CHECK(kube::detect_encoding("hello").kind == Kind::other);
    const kube::Encoding e = kube::detect_encoding("k8s:enc:aescbc:v1:key1:\x01\x02");
    CHECK(e.kind == Kind::encrypted);
    CHECK(e.provider == "aescbc");
    CHECK(e.version == "v1");
    CHECK(e.key_name == "key1");
    CHECK(kube::name_of_encryption(e) == "aescbc:key1");
    CHECK(kube::name_of_encryption(kube::detect_encoding("k8s:enc:kms:v2:vault:x")) == "kms v2:vault");
    CHECK(kube::detect_encoding("k8s:enc:kms").provider == "kms");
}

TEST_CASE("decode: a Lease, its times as the API server gives them") {
    const json lease =
        decoded(test::make_lease({"n1", "kube-node-lease", 1'790'000'000}, "n1", 1'790'000'010));
    CHECK(lease["apiVersion"] == "coordination.k8s.io/v1");
    CHECK(lease["kind"] == "Lease");
    CHECK(lease["metadata"]["name"] == "n1");
    CHECK(lease["metadata"]["creationTimestamp"] == "2026-09-21T14:13:20Z");
    CHECK(lease["spec"]["renewTime"] == "2026-09-21T14:13:30.000000Z");
    CHECK(lease["spec"]["holderIdentity"] == "n1");
    // What is written although it is empty is left out.
    CHECK_FALSE(lease["metadata"].contains("generateName"));
    CHECK_FALSE(lease["metadata"].contains("generation"));
}

TEST_CASE("decode: an empty time is none, not 1970") {
    CHECK_FALSE(decoded(test::make_config_map({"a", "b"}, {}))["metadata"].contains("creationTimestamp"));
}

TEST_CASE("decode: fields and kinds that the tables do not know are shown by number") {
    std::string raw;
    proto::append_bytes(raw, 1, test::encode({"a", "b", 1}));
    proto::append_number(raw, 99, 7);
    proto::append_bytes(raw, 98, "text");
    CHECK(decoded(test::stored("v1", "ConfigMap", raw))["#99"] == 7);
    const json unknown = decoded(test::stored("example.com/v9", "Thing", raw));
    CHECK(unknown["metadata"]["name"] == "a");
    CHECK(unknown["#98"] == "text");
}

TEST_CASE("decode: one table per group and version") {
    // Number 2 is apiGroups in RBAC's v1 and nothing in v1alpha1.
    std::string rule;
    proto::append_bytes(rule, 1, "get");
    proto::append_bytes(rule, 3, "x");
    std::string raw;
    proto::append_bytes(raw, 1, test::encode({"a", "b", 1}));
    proto::append_bytes(raw, 2, rule);
    CHECK(decoded(test::stored("rbac.authorization.k8s.io/v1", "Role", raw))["rules"][0]["resources"][0] ==
          "x");
    CHECK(decoded(test::stored("rbac.authorization.k8s.io/v1alpha1", "Role",
                               raw))["rules"][0]["apiGroups"][0] == "x");
}

TEST_CASE("decode: a Secret's data are sizes unless they are to be revealed") {
    const std::string secret = test::make_secret(
        {"s",
         "b",
         1,
         {},
         {{"kubectl.kubernetes.io/last-applied-configuration", R"({"data":"aHVudGVyMg=="})"},
          {"short", "yes"}}},
        {{"password", "hunter2"}, {"one", "1"}});
    const json hidden = decoded(secret);
    CHECK(hidden["data"]["password"] == "(7 bytes)");
    CHECK(hidden["data"]["one"] == "(1 byte)");
    CHECK(hidden["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] ==
          "(23 bytes)");
    CHECK(hidden["metadata"]["annotations"]["short"] == "yes");
    CHECK(decoded(secret, true)["data"]["password"] == "aHVudGVyMg==");
    CHECK(kube::decode("", secret, {}).secret);
    // The same, stored as JSON.
    const std::string text =
        R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","annotations":{"last-applied":"hunter2"}},)"
        R"("data":{"p":"aHVudGVyMg=="},"stringData":{"q":"hunter2"},"type":"Opaque"})";
    const json from_text = decoded(text);
    CHECK(from_text["data"]["p"] == "(7 bytes)");
    CHECK(from_text["type"] == "Opaque");
    CHECK(from_text.dump().find("hunter2") == std::string::npos);
    CHECK(from_text.dump().find("aHVudGVyMg") == std::string::npos);
    CHECK(decoded(text, true)["stringData"]["q"] == "hunter2");
    // Cut short it is still one, by its key.
    CHECK(kube::decode("/registry/secrets/b/s", std::string("k8s\0\x0a\xff", 6), {}).secret);
    CHECK_FALSE(kube::decode("/registry/secrets/b/s", test::make_config_map({"a", "b"}, {}), {}).secret);
}

TEST_CASE("decode: what is cut short, malformed or nested too deeply is said and never read") {
    const std::string whole = test::make_node({"n1", "", 1}, "True", 5, 5);
    for (std::size_t size = 4; size < whole.size(); ++size) {
        const kube::Decoded d = kube::decode("", whole.substr(0, size), {});
        CHECK(d.has_object() == d.fault.empty());
    }
    CHECK(fault_of(test::stored("v1", "Pod", "\xff\xff")) != "");
    CHECK(fault_of("{\"a\":") != "");
    CHECK(fault_of("{\"a\":1} x") != "");
    CHECK(fault_of(std::string(100'000, '{')) != "");
    // A CustomResourceDefinition's schema nests in itself.
    std::string schema;
    for (int i = 0; i < 400; ++i) {
        std::string outer;
        proto::append_bytes(outer, 28, schema);
        schema = std::move(outer);
    }
    std::string validation;
    proto::append_bytes(validation, 1, schema);
    std::string version;
    proto::append_bytes(version, 4, validation);
    std::string spec;
    proto::append_bytes(spec, 7, version);
    std::string raw;
    proto::append_bytes(raw, 2, spec);
    CHECK(fault_of(test::stored("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw)) ==
          "messages are nested too deeply");
    CHECK(fault_of(test::stored("example.com/v1", "X", nested(1000))) == "");
}

TEST_CASE("decode: a value that is JSON is given as it is stored, but for bytes that are no UTF-8") {
    CHECK(kube::decode("", R"({"a": 1.50})", {}).json == R"({"a": 1.50})");
    CHECK(kube::decode("", "{\"a\":\"\xff\"}", {}).json == "{\"a\":\"\xEF\xBF\xBD\"}");
}
