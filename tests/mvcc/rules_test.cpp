#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/mvcc/rules.hpp"
#include "tests/support/check_error.hpp"

using namespace kvctl::mvcc;
using kvctl::ErrorKind;
using kvctl::test::check_error;

TEST_CASE("rules: each switch by the release that brought it (etcd.md 0)") {
    struct Row {
        std::string version;
        bool keep;     // the tombstone rule, and with it the skipping in hashes
        bool orphan;   // an orphan tombstone is indexed
        bool hash_at;  // HashKV at the compact revision
    };
    const std::vector<Row> rows{
        {"3.0.0", false, false, false},
        {"3.3.27", false, false, false},
        {"3.4.0", false, false, false},
        {"3.4.23", false, false, false},
        {"3.4.26", false, false, false},
        {"3.4.27", false, false, true},
        {"3.4.33", false, false, true},
        {"3.4.34", true, false, true},
        {"3.4.35", true, false, true},
        {"3.4.36", true, true, true},
        {"3.4.45", true, true, true},
        {"3.5.0", false, false, false},
        {"3.5.0-rc.1", false, false, false},
        {"3.5.9", false, false, false},
        {"3.5.10", false, false, true},
        {"3.5.15", false, false, true},
        {"3.5.16", true, false, true},
        {"3.5.17", true, false, true},
        {"3.5.18", true, true, true},
        {"v3.5.18", true, true, true},
        {"3.6.0-alpha.0", false, false, false},
        {"3.6.0-rc.0", true, true, true},
        {"3.6.0", true, true, true},
        {"3.7.0-rc.0", true, true, true},
        {"3.8.0-alpha.0", true, true, true},
        {"4.0.0", true, true, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.version);
        const CompactionRules r = rules_of_etcd_version(row.version);
        CHECK((r.tombstones == CompactionRules::Tombstones::keep_at_rev) == row.keep);
        CHECK(r.hash_skip_tombstone == row.keep);
        CHECK(r.restore_orphan_tombstone == row.orphan);
        CHECK(r.hash_at_compact_rev == row.hash_at);
    }
    CHECK(rules_of_etcd_version("3.4.23") == classic_rules());
    CHECK(rules_of_etcd_version("3.4.45") == keep_at_rev_rules());
}

TEST_CASE("rules: what is not an etcd release is a usage error") {
    for (const std::string version :
         {"", "3", "3.4", "3.4.", "3.4.x", "3.4.5.6", "-3.4.5", "3.-4.5", "vv3.4.5", "3.4.5-", "3.4.5-dev",
          "3.4.5-rc.x", "3.99999999999.1", "latest", "2.3.8"}) {
        CAPTURE(version);
        check_error(ErrorKind::usage, version, [&] { (void)rules_of_etcd_version(version); });
    }
}

TEST_CASE("rules: names are the contract's") {
    CHECK(name_of(classic_rules().tombstones) == "classic");
    CHECK(name_of(keep_at_rev_rules().tombstones) == "keep-at-rev");
    CHECK(name_of(kine_rules().tombstones) == "kine");
}
