#include <doctest/doctest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/check_page.hpp"
#include "tests/support/data.hpp"
#include "tests/support/dqlite_maker.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/kube_objects.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using nlohmann::json;
using test::has;
using test::Result;
using test::run_cli;

namespace {

// Runs `report` on a store and yields its page, checked.
std::string page_of(const std::string& store, std::vector<std::string> options = {}) {
    const test::TempDir folder;
    const std::string out = folder.file("page.html");
    std::vector<std::string> args{"report", "-o", out};
    args.insert(args.end(), options.begin(), options.end());
    args.push_back(store);
    const Result r = run_cli(args);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    CHECK(r.err.empty());
    std::string page = test::read_file(out);
    test::check_page(page);
    CHECK(folder.names() == std::vector<std::string>{"page.html"});
    return page;
}

}  // namespace

TEST_CASE("report: a k3s database as one page") {
    const std::string page = page_of(test::testdata("stores/k3s-sample.db"));
    for (const std::string part :
         {"would shrink it to", "kvctl compact --keep-last 1000 --vacuum --dry-run", "/registry/leases/",
          "375 pages of 4.0 KiB", "class=\"live\" d=\"M", "class=\"history\" d=\"M", "class=\"index\" d=\"M",
          "None: the file's structure"}) {
        CAPTURE(part);
        CHECK(has(page, part));
    }
}

TEST_CASE("report: who writes, and how much an hour, by the times in the objects") {
    constexpr std::int64_t k_begin = 1'790'000'000;  // 2026-09-21T14:13:20Z
    test::KineMaker k;
    for (std::int64_t i = 0; i < 720; ++i) {
        const std::int64_t now = k_begin + i * 10;
        k.put("/registry/leases/kube-node-lease/n1",
              test::make_lease({"n1", "kube-node-lease", k_begin, {{"kubelet", now}}}, "n1", now));
    }
    const test::TempDir folder;
    const std::string path = folder.file("state.db");
    k.write(path);
    const std::string page = page_of(path);
    for (const std::string part : {"Writes an hour; the highest column is 36", "2026-09-21T14:1", "kubelet",
                                   "spec.renewTime", "heartbeats"}) {
        CAPTURE(part);
        CHECK(has(page, part));
    }
}

TEST_CASE("report: a native store, an etcd db, stores without a clock") {
    const test::TempDir folder;
    const std::string native = folder.file("native.db");
    std::vector<test::naive::Row> rows;
    const test::naive::Store history = test::long_history(3000, 40);
    for (const auto& [revision, row] : history.rows()) rows.push_back(row);
    test::make_native(native, rows);
    const std::string page = page_of(native);
    CHECK(has(page, "There is no clock in this store"));
    CHECK(has(page, "pages of 4.0 KiB"));
    CHECK(has(page_of(native, {"--rev", "2000"}), "at revision 2,000 would"));
    CHECK(has(page_of(native, {"--keep-last", "500"}), "at revision 2,501 would"));
    const std::string snapshot = folder.file("snapshot.db");
    REQUIRE(run_cli({"import", native, "-o", snapshot, "--to", "snapshot"}).code == 0);
    const std::string etcd = page_of(snapshot);
    CHECK(has(etcd, "class=\"history\" d=\"M"));
    CHECK(has(etcd, "alarms"));
}

TEST_CASE("report: a dqlite data directory") {
    const test::TempDir folder;
    test::KineMaker k;
    for (int i = 0; i < 2000; ++i) k.put("/registry/r/" + std::to_string(i % 50), std::string(100, 'v'));
    const std::string database = folder.file("kine.db");
    k.write(database, {.age = test::KineAge::v0_1, .wal = false, .after = "PRAGMA user_version = 65536"});
    test::DqliteMaker maker;
    maker.commit(database);
    const std::string path = folder.file("backend");
    maker.write(path);
    const std::string page = page_of(path);
    CHECK(has(page, "pages of 4.0 KiB"));
    CHECK(has(page, "class=\"history\" d=\"M"));
}

TEST_CASE("report: names of keys are text whatever they hold, and no value is shown") {
    const test::TempDir folder;
    test::KineMaker k;
    k.put("/a/<script>alert(1)</script>\"'&", "hunter2-the-value");
    k.put("/a/\x01\xff/<b>", std::string(9000, 'v'));
    k.put("/<img src=x onerror=alert(1)>/key", "hunter2-the-value");
    const std::string path = folder.file("<i>.db");
    k.write(path);
    const std::string page = page_of(path);
    CHECK(has(page, "/a/&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
    CHECK_FALSE(has(page, "<script"));
    CHECK_FALSE(has(page, "<img"));
    CHECK_FALSE(has(page, "hunter2"));
    CHECK_FALSE(has(page, "vvvv"));
}

TEST_CASE("report: the page does not grow with the store") {
    const test::TempDir folder;
    test::KineMaker k;
    for (int i = 0; i < 4000; ++i)
        k.put("/registry/r" + std::to_string(i % 500) + "/" + std::string(700, 'k') + std::to_string(i), "v");
    const std::string path = folder.file("state.db");
    k.write(path);
    CHECK(page_of(path).size() < 400'000);
}

TEST_CASE("report: says as JSON what it wrote") {
    const test::TempDir folder;
    const std::string out = folder.file("page.html");
    const std::string store = test::testdata("stores/k3s-sample.db");
    const Result r = run_cli({"report", "-w", "json", "-o", out, store});
    REQUIRE(r.code == 0);
    const json j = json::parse(r.out);
    CHECK(j["schema"] == "kvctl.report/1");
    CHECK(j["output"]["path"] == out);
    CHECK(j["output"]["bytes"] == test::read_file(out).size());
    CHECK(j["store"]["layout"] == "kine");
    CHECK(j["check"]["errors"] == 0);
    struct stat st {};
    REQUIRE(::stat(out.c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
}

TEST_CASE("report: what it refuses leaves nothing behind") {
    const test::TempDir folder;
    const std::string store = test::testdata("stores/k3s-sample.db");
    const std::string out = folder.file("page.html");
    CHECK(run_cli({"report", store}).code == 2);
    CHECK(run_cli({"report", "-o", "-", store}).code == 2);
    const Result nowhere = run_cli({"report", "-o", folder.file("none/page.html"), store});
    CHECK(nowhere.code == 7);
    CHECK(has(nowhere.err, folder.file("none/page.html")));
    CHECK(!has(nowhere.err, ".kvctl-"));
    CHECK(run_cli({"report", "-o", out}).code == 2);
    CHECK(run_cli({"report", "-o", out, "--rev", "5", "--keep-last", "5", store}).code == 2);
    CHECK(run_cli({"report", "-o", out, "--rev", "99999999999", store}).code == 4);
    CHECK(run_cli({"report", "-o", out, folder.file("gone.db")}).code == 7);
    test::write_file(folder.file("text"), "no store");
    CHECK(run_cli({"report", "-o", out, folder.file("text")}).code == 6);
    CHECK(folder.names() == std::vector<std::string>{"text"});
    test::write_file(out, "mine");
    const Result r = run_cli({"report", "-o", out, store});
    CHECK(r.code == 4);
    CHECK(has(r.err, "exists already"));
    CHECK(test::read_file(out) == "mine");
}

TEST_CASE("report: of a damaged store it shows what there is, and the damage") {
    const test::TempDir folder;
    const std::string path = folder.file("state.db");
    std::string bytes = test::read_file(test::testdata("stores/k3s-sample.db"));
    // A count of free pages that is not true: the rows are sound.
    bytes[39] = static_cast<char>(bytes[39] + 1);
    test::write_file(path, bytes);
    const std::string page = page_of(path);
    CHECK(has(page, "sqlite-integrity"));
    CHECK(has(page, "would shrink it to"));
}
