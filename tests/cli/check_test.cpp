#include <doctest/doctest.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using nlohmann::json;
using test::KineMaker;
using test::run_cli;

namespace {

using Codes = std::set<std::string>;

constexpr const char* k_tables =
    "PRAGMA application_id = 1802920820; PRAGMA user_version = 1;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);"
    "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL, data "
    "BLOB);";
constexpr const char* k_revision =
    "CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL,"
    " key BLOB NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL,"
    " value BLOB, PRIMARY KEY (main, sub));";
constexpr const char* k_unkeyed_revision =
    "CREATE TABLE revision (main INTEGER, sub INTEGER, tombstone INTEGER, key BLOB, create_revision INTEGER,"
    " version INTEGER, lease INTEGER, value BLOB);";
// The small history of etcd.md, appendix A, with a lease.
constexpr const char* k_rows =
    "INSERT INTO revision VALUES (2,0,0,x'666f6f',2,1,0,x'7631'), (3,0,0,x'626172',3,1,0,x'6231'),"
    "(4,0,0,x'666f6f',2,2,0,x'7632'), (5,0,1,x'666f6f',0,0,0,NULL), (6,0,0,x'666f6f',6,1,0,x'7633'),"
    "(7,0,0,x'6b31',7,1,0,x'61'), (7,1,0,x'6b32',7,1,0,x'62'), (7,2,1,x'626172',0,0,0,NULL),"
    "(8,0,0,x'62',8,1,77,x'31'); INSERT INTO lease VALUES (77, 60);";

struct Checked {
    int code = 0;
    Codes faults;  // above information
    Codes infos;
    json document;
};

std::string joined(const Codes& codes) {
    std::string all;
    for (const std::string& c : codes) all += c + ' ';
    return all;
}

Checked check(const std::string& path, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"check", "-w", "json"};
    args.insert(args.end(), more.begin(), more.end());
    args.push_back(path);
    const test::Result r = run_cli(args);
    Checked c;
    c.code = r.code;
    c.document = json::parse(r.out, nullptr, false);
    REQUIRE_MESSAGE(!c.document.is_discarded(), r.err << r.out);
    std::uint64_t counted = 0;
    for (const json& f : c.document["findings"]) {
        (f["severity"] == "info" ? c.infos : c.faults).insert(f["code"].get<std::string>());
        counted += f.value("times", 1);
        CHECK(f["what"].get<std::string>() != "");
        CHECK((f["revision"].is_null() || f["revision"].is_number_integer()));
    }
    for (const auto& [code, n] : c.document["counts"].items()) counted -= n.get<std::uint64_t>();
    CHECK(counted == 0);
    CHECK(c.document["schema"] == "kvctl.check/1");
    CHECK(c.document["ok"] == c.faults.empty());
    CHECK(c.code == (c.faults.empty() ? 0 : 3));
    return c;
}

struct Fault {
    const char* name;
    std::string sql;
    Codes faults;
    Codes infos{};
};

void check_native(const Fault& fault, const char* revision = k_revision) {
    CAPTURE(std::string(fault.name));
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    test::run_sql(path, std::string(k_tables) + revision + k_rows + fault.sql);
    const Checked c = check(path);
    CHECK(joined(c.faults) == joined(fault.faults));
    CHECK(c.infos == fault.infos);
    CHECK(dir.names() == std::vector<std::string>{"s.db"});
}

void check_kine(const Fault& fault, test::KineAge age = test::KineAge::v0_16_3) {
    CAPTURE(std::string(fault.name));
    const test::TempDir dir;
    const std::string path = dir.file("state.db");
    KineMaker maker;
    for (int i = 0; i < 5; ++i) {
        for (const char* name : {"/registry/a", "/registry/b", "/registry/c"})
            maker.put(name, std::to_string(i));
        if (i == 1) maker.remove("/registry/b");
        if (i == 3) maker.gap();
    }
    maker.compact(9);
    maker.write(path, {.age = age, .wal = false, .after = fault.sql});
    const Checked c = check(path);
    CHECK(joined(c.faults) == joined(fault.faults));
    CHECK(c.infos == fault.infos);
}

std::string insert_kine(int id, const std::string& name, int created, int deleted, int create, int prev) {
    return "INSERT INTO kine VALUES (" + std::to_string(id) + ", '" + name + "', " + std::to_string(created) +
           ", " + std::to_string(deleted) + ", " + std::to_string(create) + ", " + std::to_string(prev) +
           ", 0, x'76', NULL);";
}

mvcc::Record record(mvcc::Revision at, std::string_view key, std::int64_t created, std::int64_t version) {
    mvcc::Record r;
    r.revision = at;
    r.key = key;
    r.tombstone = version == 0;
    if (!r.tombstone) r.value = "v";
    r.create_revision = created;
    r.version = version;
    return r;
}

}  // namespace

TEST_CASE("check: each fault of a native store is found under its own code and no other") {
    const std::vector<Fault> faults{
        {"sound", "", {}},
        {"version", "UPDATE revision SET version = 7 WHERE main = 4", {"version-break"}},
        {"version 0", "UPDATE revision SET version = 0 WHERE main = 8", {"version-break"}},
        {"version counts on behind a tombstone",
         "UPDATE revision SET version = 3 WHERE main = 6",
         {"version-break"}},
        {"create revision", "UPDATE revision SET create_revision = 3 WHERE main = 4", {"create-revision"}},
        {"create revision of a first put",
         "UPDATE revision SET create_revision = 5 WHERE main = 8",
         {"create-revision"}},
        {"tombstone with a value", "UPDATE revision SET value = x'00' WHERE main = 5", {"tombstone-value"}},
        {"tombstone with a version", "UPDATE revision SET version = 1 WHERE main = 5", {"tombstone-fields"}},
        {"put without a value", "UPDATE revision SET value = NULL WHERE main = 8", {"put-null-value"}},
        {"first put lost", "DELETE FROM revision WHERE main = 2", {"missing-predecessor"}},
        {"put of a tombstone lost",
         "DELETE FROM revision WHERE main = 3",
         {"tombstone-without-put"},
         {"revision-gap"}},
        {"deleted twice",
         "INSERT INTO revision VALUES (9,0,1,x'626172',0,0,0,NULL)",
         {"tombstone-without-put"}},
        {"compacted, but nothing gone",
         "INSERT INTO meta VALUES ('scheduled_compact_rev', 5), ('finished_compact_rev', 5)",
         {"uncompacted-row"}},
        {"delete and put in one request",
         "INSERT INTO revision VALUES (9,0,1,x'62',0,0,0,NULL), (9,1,0,x'62',9,1,0,x'32')",
         {"lost-live-revision"}},
        {"delete, put and delete in one request loses nothing live",
         "INSERT INTO revision VALUES (9,0,1,x'62',0,0,0,NULL), (9,1,0,x'62',9,1,0,x'32'),"
         "(9,2,1,x'62',0,0,0,NULL)",
         {}},
        {"negative", "INSERT INTO revision VALUES (-3,0,0,x'7a',1,1,0,x'')", {"negative-revision"}},
        {"revision 0", "INSERT INTO revision VALUES (0,0,0,x'7a',1,1,0,x'')", {"main-zero"}},
        {"text for a number", "UPDATE revision SET tombstone = 'x' WHERE main = 8", {"wrong-type"}},
        {"a third kind of row", "UPDATE revision SET tombstone = 2 WHERE main = 4", {"wrong-type"}},
        {"text for a key", "UPDATE revision SET key = 'foo' WHERE main = 4", {"wrong-type"}},
        {"text for a revision", "INSERT INTO revision VALUES ('abc',0,0,x'7a',9,1,0,x'')", {"wrong-type"}},
        {"text for a value", "UPDATE revision SET value = 'v' WHERE main = 4", {"wrong-type"}},
        {"counter", "INSERT INTO meta VALUES ('finished_compact_rev', 'x')", {"meta-type"}},
        {"negative counter", "INSERT INTO meta VALUES ('finished_compact_rev', -5)", {"meta-negative"}},
        {"pending", "INSERT INTO meta VALUES ('scheduled_compact_rev', 5)", {"pending-compaction"}},
        {"finished too much",
         "DELETE FROM revision WHERE main IN (2, 4);"
         "INSERT INTO meta VALUES ('scheduled_compact_rev', 3), ('finished_compact_rev', 5)",
         {"finished-above-scheduled"}},
        {"lease", "UPDATE lease SET ttl = -1", {"lease-ttl"}},
        {"lease of text", "UPDATE lease SET ttl = 'x'", {"lease-type"}},
        {"trigger", "CREATE TRIGGER t AFTER DELETE ON revision BEGIN SELECT 1; END", {"trigger"}},
        {"column", "ALTER TABLE revision ADD COLUMN more", {"extra-column"}},
        {"log", "INSERT INTO raft_entry VALUES (5, 1, 0, NULL), (7, 1, 0, NULL)", {"index-gap"}},
        {"log behind the store",
         "INSERT INTO raft_entry VALUES (5, 1, 0, NULL); INSERT INTO meta VALUES ('consistent_index', 9)",
         {"consistent-index-above-last-index"}},
        {"log entry of text", "INSERT INTO raft_entry VALUES (5, 'x', 0, NULL)", {"bad-raft-row"}},
    };
    for (const Fault& fault : faults) check_native(fault);
}

TEST_CASE("check: without its primary key a native store may repeat a revision, and is told so") {
    check_native({"no key", "", {"missing-index"}}, k_unkeyed_revision);
    check_native({"twice",
                  "INSERT INTO revision VALUES (4,0,0,x'666f6f',2,2,0,x'7632')",
                  {"missing-index", "duplicate-revision"}},
                 k_unkeyed_revision);
}

TEST_CASE("check: what is no fault of a native store is told for information") {
    const std::vector<Fault> notes{
        {"lease", "DELETE FROM lease", {}, {"lease-missing"}},
        {"counter", "INSERT INTO meta VALUES ('mine', 1)", {}, {"meta-unknown"}},
        {"revisions", "INSERT INTO revision VALUES (12,0,0,x'7a',12,1,0,x'')", {}, {"revision-gap"}},
        {"changes", "INSERT INTO revision VALUES (9,2,0,x'7a',9,1,0,x'')", {}, {"sub-gap"}},
        {"leases", "DROP TABLE lease", {}, {"no-lease-table", "lease-missing"}},
        {"column", "ALTER TABLE revision ADD COLUMN more INTEGER DEFAULT 3", {}, {"extra-column"}},
        {"bumped snapshot", "INSERT INTO revision VALUES (9,0,0,x'',0,0,0,x'')", {}},
        {"rows in another order",
         "CREATE TABLE copy AS SELECT * FROM revision; DELETE FROM revision;"
         "INSERT INTO revision SELECT * FROM copy ORDER BY main DESC; DROP TABLE copy",
         {}},
    };
    for (const Fault& note : notes) check_native(note);
}

TEST_CASE("check: what a compaction leaves is sound, finished or cut short") {
    const test::TempDir dir;
    for (const char* rule : {"classic", "keep-at-rev"}) {
        for (int rev = 2; rev <= 8; ++rev) {
            CAPTURE(std::string(rule));
            CAPTURE(rev);
            const std::string path = dir.file(std::string(rule) + std::to_string(rev));
            test::run_sql(path, std::string(k_tables) + k_revision + k_rows);
            REQUIRE(run_cli({"compact", "--rev", std::to_string(rev), "--tombstones", rule, path}).code == 0);
            CHECK(check(path).faults == Codes{});
        }
    }
    const std::string path = dir.file("pending");
    test::run_sql(path, std::string(k_tables) + k_revision + k_rows +
                            "INSERT INTO meta VALUES ('scheduled_compact_rev', 8);"
                            "DELETE FROM revision WHERE main IN (2, 3, 4)");
    CHECK(check(path).faults == Codes{"pending-compaction"});
}

TEST_CASE("check: each fault of a kine store is found under its own code and no other") {
    // Rows 10 to 18 stand above the compact revision 9; 18 is the newest.
    const std::vector<Fault> faults{
        {"sound", "", {}},
        {"no compact row", "DELETE FROM kine WHERE name = 'compact_rev_key'", {"compact-row-missing"}},
        {"compact row with a negative revision",
         "UPDATE kine SET prev_revision = -5 WHERE name = 'compact_rev_key'",
         {"compact-row-odd", "dangling-pointer", "holes"}},
        {"compact row marked deleted",
         "UPDATE kine SET deleted = 1 WHERE name = 'compact_rev_key'",
         {"compact-row-odd"}},
        {"ids below 0 alone",
         "DELETE FROM kine WHERE id > 2; UPDATE kine SET id = -id, name = '/n' || id",
         {"compact-row-missing", "forward-pointer", "sequence-ahead"}},
        {"two compact rows", insert_kine(20, "compact_rev_key", 0, 0, 0, 7), {"compact-rows-several"}},
        {"compact row of the future",
         "UPDATE kine SET prev_revision = 900 WHERE name = 'compact_rev_key'",
         {"compact-revision-ahead"}},
        {"orphan",
         insert_kine(20, "/registry/o", 1, 0, 0, 0) + insert_kine(21, "/registry/o", 1, 0, 0, 5),
         {"orphan-row"}},
        {"other key",
         insert_kine(20, "/registry/Foo", 1, 0, 0, 0) + insert_kine(21, "/registry/foo", 1, 0, 0, 20),
         {"cross-key-pointer"}},
        {"forward",
         insert_kine(20, "/registry/f", 1, 0, 0, 21) + insert_kine(21, "/registry/g", 1, 0, 0, 0),
         {"forward-pointer"}},
        {"at itself", insert_kine(20, "/registry/f", 1, 0, 0, 20), {"forward-pointer"}},
        {"missing row", insert_kine(21, "/registry/d", 0, 0, 2, 20), {"dangling-pointer", "holes"}},
        {"negative", insert_kine(20, "/registry/d", 1, 0, 0, -4), {"negative-pointer"}},
        {"NULL pointer", "UPDATE kine SET prev_revision = NULL WHERE id = 2", {"null-column"}},
        {"NULL created", "UPDATE kine SET created = NULL WHERE id = 2", {"null-column"}},
        {"NULL name", "UPDATE kine SET name = NULL WHERE id = 2", {"null-column"}},
        {"text", "UPDATE kine SET lease = 'x' WHERE id = 2", {"wrong-type"}},
        {"update of another life",
         "UPDATE kine SET create_revision = 8 WHERE id = (SELECT max(id) FROM kine WHERE name = "
         "'/registry/a')",
         {"create-revision"}},
        {"hole", insert_kine(25, "/registry/h", 1, 0, 0, 0), {"holes"}},
        {"gaps",
         "WITH RECURSIVE n(i) AS (VALUES (20) UNION ALL SELECT i + 1 FROM n WHERE i < 1100)"
         "INSERT INTO kine SELECT i, 'gap-' || i, 0, 1, 0, 0, 0, NULL, NULL FROM n",
         {"gap-runs"}},
        {"sequence ahead", "UPDATE sqlite_sequence SET seq = 900", {"sequence-ahead"}},
        {"sequence behind", "UPDATE sqlite_sequence SET seq = 3", {"sequence-behind"}},
        {"unique index", "DROP INDEX kine_name_prev_revision_uindex", {"missing-index"}},
        {"collision",
         "DROP INDEX kine_name_prev_revision_uindex;" + insert_kine(20, "/registry/x", 1, 0, 0, 0) +
             insert_kine(21, "/registry/x", 0, 1, 0, 20) + insert_kine(22, "/registry/x", 1, 0, 0, 0),
         {"missing-index", "chain-collision"}},
        {"trigger", "CREATE TRIGGER t AFTER DELETE ON kine BEGIN SELECT 1; END", {"trigger"}},
        {"column", "ALTER TABLE kine ADD COLUMN more DEFAULT 1", {"extra-column"}},
        {"old table",
         "CREATE TABLE key_value (id INTEGER); INSERT INTO key_value VALUES (1)",
         {},
         {"legacy-table"}},
        {"index of a newer kine", "DROP INDEX kine_id_deleted_index", {}, {"missing-index"}},
    };
    for (const Fault& fault : faults) check_kine(fault);
    check_kine({"number", insert_kine(20, "12345", 1, 0, 0, 0), {}, {"name-number", "missing-index"}},
               test::KineAge::v0_1);
}

TEST_CASE("check: ordinary kine stores are sound, compacted or not, of every age") {
    const test::TempDir dir;
    for (const test::KineAge age : test::k_kine_ages) {
        for (const bool copies : {false, true}) {
            CAPTURE(static_cast<int>(age));
            KineMaker maker(copies);
            for (int i = 0; i < 300; ++i) {
                const std::string name = "/registry/pods/" + std::to_string(i * i % 17);
                if (i % 5 == 3 && maker.live(name)) {
                    maker.remove(name);
                } else {
                    maker.put(name, std::to_string(i));
                }
                if (i == 100 || i == 200) maker.compact(maker.current() - 30);
                if (i % 50 == 0) maker.gap();
            }
            const std::string path =
                dir.file("k" + std::to_string(static_cast<int>(age)) + (copies ? "c" : ""));
            maker.write(path, {.age = age});
            CHECK(check(path).faults == Codes{});
            REQUIRE(run_cli({"compact", "--keep-last", "7", path}).code == 0);
            CHECK(check(path).faults == Codes{});
        }
    }
    const std::string sample = dir.file("k3s.db");
    std::filesystem::copy_file(test::testdata("stores/k3s-sample.db"), sample);
    CHECK(check(sample).document["findings"] == json::array());
}

TEST_CASE("check: an etcd db's pages, rows and counters") {
    const auto rows = [] {
        return std::vector<mvcc::Record>{record({2, 0}, "a", 2, 1), record({3, 0}, "b", 3, 1),
                                         record({4, 0}, "a", 2, 2), record({5, 0}, "a", 0, 0),
                                         record({6, 0}, "a", 6, 1)};
    };
    const auto codes = [](test::BboltImage image) {
        const test::TempFile file(image.build());
        return check(file.path()).faults;
    };
    CHECK(codes(test::etcd_image(rows())) == Codes{});
    std::vector<mvcc::Record> broken = rows();
    broken[2].version = 9;
    CHECK(codes(test::etcd_image(broken)) == Codes{"version-break"});
    std::vector<mvcc::Record> hazard = rows();
    hazard.push_back(record({7, 0}, "b", 0, 0));
    hazard.push_back(record({7, 1}, "b", 7, 1));
    CHECK(codes(test::etcd_image(hazard)) == Codes{"lost-live-revision"});
    test::BboltImage image = test::etcd_image(rows());
    image.buckets["key"]["short"] = "x";
    CHECK(codes(image) == Codes{"malformed-row"});
    image = test::etcd_image(rows());
    image.buckets["meta"]["scheduledCompactRev"] = std::string(mvcc::EncodedRevision({4, 0}, false).bytes());
    CHECK(codes(image) == Codes{"pending-compaction"});
    image = test::etcd_image(rows());
    image.buckets["meta"]["term"] = "x";
    CHECK(codes(image) == Codes{"malformed-meta"});
    image = test::etcd_image(rows());
    image.buckets["lease"]["short"] = "x";
    CHECK(codes(image) == Codes{"malformed-lease"});
}

TEST_CASE("check: goes on behind pages that cannot be read, and blames no row for the lost ones") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    test::run_sql(path, std::string("PRAGMA page_size = 1024;") + k_tables + k_revision +
                            "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                            "INSERT INTO revision SELECT i, 0, 0, CAST('k' || (i % 20) AS BLOB), i % 20 + 20,"
                            " i / 20, 0, zeroblob(40) FROM n WHERE i >= 20;"
                            "UPDATE revision SET version = 3 WHERE main = 1990");
    const Checked whole = check(path);
    CHECK(whole.faults == Codes{"version-break"});
    std::string bytes = test::read_file(path);
    // The leaf that holds a row in the middle.
    const std::size_t row = bytes.find("k17", bytes.size() / 3);
    REQUIRE(row != std::string::npos);
    const std::size_t page = row / 1024 * 1024;
    bytes.replace(page, 1024, std::string(1024, '\xff'));
    test::write_file(path, bytes);
    const Checked c = check(path);
    CHECK(c.faults == Codes{"sqlite-integrity", "unreadable-rows", "version-break"});
    CHECK(c.document["counts"]["unreadable-rows"] == 1);
    CHECK(c.document["counts"]["version-break"] == whole.document["counts"]["version-break"]);
}

TEST_CASE("check: goes on behind a lost inner page, which hides more rows than tries") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    constexpr std::size_t k_page = 2048;
    test::run_sql(path,
                  std::string("PRAGMA page_size = 2048;") + k_tables + k_revision +
                      "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 90000)"
                      "INSERT INTO revision SELECT i, 0, 0, CAST('k' || (i % 20) AS BLOB), i % 20 + 20,"
                      " i / 20, 0, x'' FROM n WHERE i >= 20;"
                      "UPDATE revision SET version = 3 WHERE main = 89990");
    std::string bytes = test::read_file(path);
    // The inner table pages below the root, in the order of the file, which is that of their rows.
    std::vector<std::size_t> inner;
    for (std::size_t at = k_page; at < bytes.size(); at += k_page) {
        if (bytes[at] == 5) inner.push_back(at);
    }
    REQUIRE(inner.size() > 4);
    bytes.replace(inner[inner.size() / 2], k_page, std::string(k_page, '\xff'));
    test::write_file(path, bytes);
    const Checked c = check(path);
    CHECK(c.faults == Codes{"sqlite-integrity", "unreadable-rows", "version-break"});
    CHECK(c.document["counts"]["unreadable-rows"] == 1);
    CHECK(c.document["counts"]["version-break"] == 1);
    // The hole is as large as it must be, and no larger.
    long first = 0;
    long last = 0;
    for (const json& f : c.document["findings"]) {
        if (f["code"] == "unreadable-rows")
            std::sscanf(f["what"].get<std::string>().c_str(), "rows %ld to %ld cannot be read", &first,
                        &last);
    }
    CHECK(last - first > 12000);
    const auto rows_at = [&](long rowid) {
        return test::query_one(path, "SELECT count(*) FROM revision WHERE rowid = " + std::to_string(rowid));
    };
    CHECK(rows_at(first - 1) == "1");
    CHECK_THROWS((void)rows_at(first));
    CHECK_THROWS((void)rows_at(last));
    CHECK(rows_at(last + 1) == "1");
}

namespace {

// This thread, and those that it starts, on one core.
class OneCore {
  public:
    OneCore() {
        REQUIRE(::sched_getaffinity(0, sizeof before_, &before_) == 0);
        cpu_set_t one;
        CPU_ZERO(&one);
        for (int core = 0; core < CPU_SETSIZE; ++core) {
            if (!CPU_ISSET(core, &before_)) continue;
            CPU_SET(core, &one);
            break;
        }
        REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    }
    ~OneCore() { ::sched_setaffinity(0, sizeof before_, &before_); }
    OneCore(const OneCore&) = delete;
    OneCore& operator=(const OneCore&) = delete;

  private:
    cpu_set_t before_{};
};

}  // namespace

TEST_CASE("check: what two cores find in a large store, one finds too, to the letter") {
    const test::TempDir dir;
    const std::string native = dir.file("native.db");
    test::run_sql(native,
                  std::string("PRAGMA page_size = 512;") + k_tables + k_revision +
                      "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
                      "INSERT INTO revision SELECT i, 0, 0, CAST('k' || (i % 20) AS BLOB), i % 20 + 20,"
                      " i / 20, 0, zeroblob(80) FROM n WHERE i >= 20;"
                      "UPDATE revision SET version = 3 WHERE main = 29990");
    const std::string kine = dir.file("kine.db");
    KineMaker maker = test::random_kine(11, 12000, false);
    maker.raw({.id = maker.current() + 1, .name = "/registry/n", .created = 1, .value = std::nullopt});
    for (const bool wal : {false, true}) {
        CAPTURE(wal);
        std::filesystem::remove(kine);
        maker.write(kine, {.wal = wal, .page_size = 512});
        for (const std::string& path : {native, kine}) {
            REQUIRE(std::filesystem::file_size(path) > 5000 * 512);
            const std::string sound = test::read_file(path);
            for (const bool damaged : {false, true}) {
                CAPTURE(damaged);
                // One page of rows or of an index, in the middle.
                std::string bytes = sound;
                if (damaged) bytes.replace(bytes.size() / 1024 * 512, 512, std::string(512, '\x07'));
                test::write_file(path, bytes);
                const Checked two = check(path, {"--all"});
                CHECK(two.faults.contains("sqlite-integrity") == damaged);
                CHECK(two.faults.size() > (damaged ? 1 : 0));
                const OneCore one;
                CHECK(check(path, {"--all"}).document["findings"] == two.document["findings"]);
            }
            test::write_file(path, sound);
        }
    }
}

TEST_CASE("check: a row that a damaged tree yields again and again is told once") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    constexpr std::size_t k_page = 512;
    KineMaker maker;
    for (int i = 0; i < 300; ++i) maker.put("/registry/" + std::to_string(i), "value");
    maker.rows()[20].prev_revision.reset();
    test::KineShape shape;
    shape.wal = false;
    shape.page_size = k_page;
    maker.write(path, shape);
    std::string bytes = test::read_file(path);
    const auto root =
        std::stoul(test::query_one(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'kine'"));
    const std::size_t at = (root - 1) * k_page;
    REQUIRE(bytes[at] == 5);
    // An inner page's cells begin with the number of a child, whose rows are below the cell's key. The
    // children from the fourth on are the first one, which has the row with the fault, and the sixth does not
    // exist.
    const auto child = [&](std::size_t i) {
        const auto byte = [&](std::size_t where) { return static_cast<unsigned char>(bytes[at + where]); };
        return at + (byte(12 + 2 * i) << 8U) + byte(13 + 2 * i);
    };
    REQUIRE(bytes[at + 4] > 6);
    for (const std::size_t i : {std::size_t{3}, std::size_t{4}})
        bytes.replace(child(i), 4, bytes, child(0), 4);
    bytes.replace(child(5), 4, 4, '\x7f');
    test::write_file(path, bytes);
    const Checked c = check(path);
    CHECK(c.faults.count("sqlite-integrity") == 1);
    CHECK(c.document["counts"]["unreadable-rows"] == 1);
    CHECK(c.document["counts"]["null-column"] <= 3);
    for (const json& f : c.document["findings"])
        CHECK(f["what"].get<std::string>().find('\n') == std::string::npos);
}

TEST_CASE("check: names the first twenty of a code, all on request, and always counts all") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    test::run_sql(path, std::string(k_tables) + k_revision +
                            "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 101)"
                            "INSERT INTO revision SELECT i, 0, 0, x'61' || i, i, 1, 0, NULL FROM n;"
                            "UPDATE revision SET key = CAST(key AS BLOB)");
    const Checked some = check(path);
    CHECK(some.document["findings"].size() == 21);
    CHECK(some.document["findings"][20]["times"] == 80);
    CHECK(some.document["counts"]["put-null-value"] == 100);
    CHECK(test::has(run_cli({"check", path}).out, "'kvctl check --all " + path + "' names every one\n"));
    const Checked all = check(path, {"--all"});
    CHECK(all.document["findings"].size() == 100);
    CHECK(all.document["counts"]["put-null-value"] == 100);
}

TEST_CASE("check: text and JSON Lines say the same, quiet says it by the exit code alone") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    test::run_sql(path, std::string(k_tables) + k_revision + k_rows);
    test::Result r = run_cli({"check", path});
    CHECK(r.code == 0);
    CHECK(r.out.starts_with(path + ": native store, sound\n  checked "));
    test::run_sql(path, "UPDATE revision SET version = 7 WHERE main = 4; DELETE FROM lease");
    r = run_cli({"check", path});
    CHECK(r.code == 3);
    CHECK(r.out.starts_with(
        "error: version-break: revision 4.0: its version is 7 where version 1 at revision 2.0 came before "
        "it\n"
        "info: lease-missing: revision 8.0: its lease 4d is not stored, so it never runs out\n" +
        path + ": native store, 1 error, 0 warnings; 1 note\n"));
    r = run_cli({"check", "-w", "jsonl", path});
    CHECK(r.code == 3);
    CHECK(std::count(r.out.begin(), r.out.end(), '\n') == 3);
    const json last = json::parse(r.out.substr(r.out.rfind("{\"type\"")));
    CHECK(last["type"] == "summary");
    CHECK(last["ok"] == false);
    CHECK(last["counts"] == json{{"version-break", 1}, {"lease-missing", 1}});
    r = run_cli({"check", "-q", path});
    CHECK(r.code == 3);
    CHECK(r.out.empty());
    CHECK(r.err.empty());
}

TEST_CASE("check: keep-at-rev makes the lost live revision an error") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    test::run_sql(path,
                  std::string(k_tables) + k_revision + k_rows +
                      "INSERT INTO revision VALUES (9,0,1,x'62',0,0,0,NULL), (9,1,0,x'62',9,1,0,x'32')");
    CHECK(check(path).document["findings"][0]["severity"] == "warning");
    CHECK(check(path, {"--tombstones", "keep-at-rev"}).document["findings"][0]["severity"] == "error");
    CHECK(check(path).document["findings"][0]["revision"] == 9);
    CHECK(run_cli({"check", "--tombstones", "classic", test::testdata("stores/k3s-sample.db")}).code == 2);
}
