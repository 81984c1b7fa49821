#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "kvctl/kube/audit.hpp"
#include "kvctl/kube/churn.hpp"
#include "tests/support/kube_objects.hpp"

using namespace kvctl;
using kube::By;

namespace {

// Records in order, kept so that earlier ones can be fetched.
class Rows {
  public:
    void put(const std::string& key, const std::string& value) {
        const std::int64_t main = static_cast<std::int64_t>(rows_.size()) + 1;
        auto& created = created_[key];
        if (created == 0) created = main;
        rows_.push_back({key, value, false, created});
    }
    void remove(const std::string& key) {
        created_[key] = 0;
        rows_.push_back({key, "", true, 0});
    }
    template <class F>
    void each(F f) const {
        for (std::size_t i = 0; i < rows_.size(); ++i) f(record(i));
    }
    [[nodiscard]] kube::Predecessors::Fetch fetch() const {
        return [this](mvcc::Revision r) {
            ++fetched;
            return std::optional<std::string>(rows_.at(static_cast<std::size_t>(r.main - 1)).value);
        };
    }
    mutable int fetched = 0;

  private:
    struct Row {
        std::string key, value;
        bool tombstone;
        std::int64_t created;
    };
    [[nodiscard]] mvcc::Record record(std::size_t i) const {
        mvcc::Record r;
        r.revision = {static_cast<std::int64_t>(i) + 1, 0};
        r.key = rows_[i].key;
        r.tombstone = rows_[i].tombstone;
        r.create_revision = rows_[i].created;
        r.value = rows_[i].value;
        return r;
    }
    std::vector<Row> rows_;
    std::map<std::string, std::int64_t> created_;
};

Rows sample_rows() {
    Rows rows;
    for (int i = 0; i < 3; ++i) {
        rows.put("/registry/leases/ns/n1",
                 test::make_lease({"n1", "ns", 1, {{"kubelet", 10 + i}}}, "n1", 10 + i));
        rows.put(
            "/registry/example.com/things/ns/t",
            test::make_custom("example.com/v1", "Thing", {"t", "ns", 1, {{"ctl", 10 + i}}}, R"({"a":1})"));
        const std::string who = i % 2 == 0 ? "x" : "y";
        rows.put("/registry/configmaps/ns/c",
                 test::make_config_map(
                     {"c", "ns", 1, {{"x", i % 2 == 0 ? 10 + i : 9 + i}, {"y", i % 2 == 0 ? 9 + i : 10 + i}}},
                     {{"owner", who}}));
    }
    rows.remove("/registry/configmaps/ns/c");
    return rows;
}

kube::Churn churned(const Rows& rows, By by, kube::Churn::Window window) {
    kube::Churn churn(by, std::move(window));
    kube::Predecessors before(rows.fetch());
    rows.each([&](const mvcc::Record& r) { churn.add(r, before.step(r, churn.counts(r), churn.counts(r))); });
    return churn;
}

const kube::ChurnRow& row_of(const std::vector<kube::ChurnRow>& rows, const std::string& name) {
    for (const kube::ChurnRow& r : rows) {
        if (r.name == name) return r;
    }
    FAIL("no row " << name);
    return rows.front();
}

}  // namespace

TEST_CASE("churn: writes, no-ops and heartbeats by who wrote") {
    const Rows rows = sample_rows();
    kube::Churn churn = churned(rows, By::manager, {MainRevision(0), MainRevision(100), ""});
    const auto by = churn.rows();
    CHECK(row_of(by, "kubelet").writes == 3);
    CHECK(row_of(by, "kubelet").heartbeats == 2);
    CHECK(row_of(by, "ctl").no_ops == 2);
    CHECK(row_of(by, "x").writes == 2);
    CHECK(row_of(by, "y").writes == 1);
    CHECK(row_of(by, "(unknown)").writes == 1);  // nobody says who deleted
    CHECK(row_of(by, "x").keys == 1);
    CHECK(row_of(by, "y").keys == 1);
    CHECK(churn.total().writes == 10);
    CHECK(churn.total().keys == 3);
    const auto fields = churn.fields(20);
    REQUIRE(fields.size() == 2);
    CHECK(fields[0].path == "data.owner");
    CHECK(fields[0].writes == 2);
    CHECK(fields[1].path == "spec.renewTime");
    CHECK(churn.timeline().points().size() >= 2);
}

TEST_CASE("churn: by kind, resource and namespace a tombstone goes with its object") {
    const Rows rows = sample_rows();
    const kube::Churn::Window all{MainRevision(0), MainRevision(100), ""};
    CHECK(row_of(churned(rows, By::kind, all).rows(), "ConfigMap").writes == 4);
    CHECK(row_of(churned(rows, By::resource, all).rows(), "configmaps").writes == 4);
    CHECK(row_of(churned(rows, By::resource, all).rows(), "things.example.com").writes == 3);
    CHECK(row_of(churned(rows, By::name_space, all).rows(), "ns").writes == 10);
    CHECK(row_of(churned(rows, By::key, all).rows(), "/registry/leases/ns/n1").writes == 3);
}

TEST_CASE("churn: a window counts its own writes and knows the rows before it") {
    const Rows rows = sample_rows();
    kube::Churn churn = churned(rows, By::manager, {MainRevision(7), MainRevision(8), ""});
    CHECK(churn.total().writes == 2);
    CHECK(row_of(churn.rows(), "kubelet").heartbeats == 1);
    CHECK(row_of(churn.rows(), "ctl").no_ops == 1);
    CHECK(rows.fetched == 2);
    CHECK(churned(rows, By::key, {MainRevision(0), MainRevision(100), "/registry/leases/"}).total().writes ==
          3);
}

TEST_CASE("churn: a kind says its group where there are several of that name") {
    Rows rows;
    for (const char* api : {"a.io/v1", "b.io/v1"})
        rows.put(std::string("/registry/") + api[0] + ".io/clusters/ns/c",
                 test::make_custom(api, "Cluster", {"c", "ns", 1}, "{}"));
    const auto by = churned(rows, By::kind, {MainRevision(0), MainRevision(100), ""}).rows();
    CHECK(row_of(by, "Cluster.a.io").writes == 1);
    CHECK(row_of(by, "Cluster.b.io").writes == 1);
}

TEST_CASE("predecessors: a small cache gives the same values as a large one") {
    Rows rows;
    for (int i = 0; i < 2000; ++i)
        rows.put("k" + std::to_string(i * 7919 % 97),
                 std::string(static_cast<std::size_t>(i % 50), 'v') + std::to_string(i));
    std::map<std::string, std::string> last;
    kube::Predecessors small(rows.fetch(), 500);
    kube::Predecessors large(rows.fetch());
    rows.each([&](const mvcc::Record& r) {
        const std::string key(r.key);
        const auto few = small.step(r, true, true);
        REQUIRE(few.seen == last.contains(key));
        if (few.seen) REQUIRE(*few.value == last[key]);
        const auto all = large.step(r, true, true);
        CHECK(all.key == few.key);
        if (all.seen) CHECK(*all.value == last[key]);
        CHECK(small.key(few.key) == key);
        last[key] = r.value;
    });
    CHECK(small.key_count() == 97);
}

TEST_CASE("audit: what the API server cannot decode, other names, plaintext, overdue") {
    Rows rows;
    const auto lease = [](const char* name, std::int64_t at) {
        return test::make_lease({name, "ns", 1}, name, at, 40);
    };
    rows.put("/registry/leases/ns/n1", lease("n1", 100'000));
    rows.put("/registry/pods/ns/empty", "");
    rows.put("/registry/pods/ns/odd", "hello");
    rows.put("/registry/pods/ns/cut", test::make_config_map({"cut", "ns", 1}, {{"a", "b"}}).substr(0, 60));
    rows.put("/registry/configmaps/ns/a", test::make_config_map({"b", "ns", 1}, {}));
    rows.put("/registry/configmaps/ns/b", test::make_config_map({"b", "other", 1}, {}));
    rows.put("/registry/secrets/ns/plain", test::make_secret({"plain", "ns", 1}, {{"p", "hunter2"}}));
    rows.put("/registry/secrets/ns/good", "k8s:enc:aescbc:v1:key1:xxxx");
    rows.put("/registry/events/ns/old", test::make_event({"old", "ns", 1}, 100'000, 1));
    rows.put("/registry/events/ns/new", test::make_event({"new", "ns", 1}, 199'000, 1));
    rows.put("/registry/leases/ns/n2", lease("n2", 100'010));
    rows.put("/registry/leases/ns/n1", lease("n1", 200'000));
    rows.put("/elsewhere/of/its/own", "");
    kube::Audit audit;
    rows.each([&](const mvcc::Record& r) { audit.add(r, r.key.starts_with("/registry/events") ? 3600 : 0); });
    std::map<std::string, std::vector<std::int64_t>> found;
    for (const Finding& f : audit.take()) {
        found[f.code].push_back(*f.revision);
        CHECK(f.what.find("hunter2") == std::string::npos);
    }
    CHECK(found == std::map<std::string, std::vector<std::int64_t>>{{"kube-empty-value", {2}},
                                                                    {"kube-unknown-encoding", {3}},
                                                                    {"kube-undecodable", {4}},
                                                                    {"kube-other-name", {5, 6}},
                                                                    {"kube-plaintext-secret", {7}},
                                                                    {"kube-overdue-event", {9}},
                                                                    {"kube-stale-lease", {11}}});
}
