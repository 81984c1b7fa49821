#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using store::PageMap;
using store::PageUse;

namespace {

PageMap map_of(const std::string& path) {
    const auto opened = store::open_store(path, {});
    Findings findings;
    const mvcc::TreeIndex index = opened->load(mvcc::classic_rules(), findings, nullptr);
    mvcc::SlotSet live(index.slot_end());
    for (mvcc::KeyId id = 0; id < index.key_count(); ++id) {
        const mvcc::KeyIndex key = index.key_index(id);
        if (key.live()) live.insert(key.slot(key.size() - 1));
    }
    auto map = opened->page_map(index, live, nullptr);
    REQUIRE(map.has_value());
    CHECK(map->use.size() == map->live.size());
    return std::move(*map);
}

std::size_t count(const PageMap& map, PageUse use) {
    return static_cast<std::size_t>(std::count(map.use.begin(), map.use.end(), use));
}

// Of pages of one use, how much is live: 0 to 1.
double live_share(const PageMap& map, PageUse use) {
    double sum = 0;
    for (std::size_t i = 0; i < map.use.size(); ++i) {
        if (map.use[i] == use) sum += map.live[i] / 255.0;
    }
    return sum / static_cast<double>(std::max<std::size_t>(count(map, use), 1));
}

std::string value(char c, std::size_t n) {
    return std::string(n, c);
}

}  // namespace

TEST_CASE("page map: SQLite's own counts of a kine file's pages are found again") {
    const test::TempDir folder;
    test::KineMaker k;
    for (int i = 0; i < 3000; ++i) k.put("/k/" + std::to_string(i % 100), value('v', 200));
    for (const bool auto_vacuum : {false, true}) {
        CAPTURE(auto_vacuum);
        const std::string file = folder.file(auto_vacuum ? "auto.db" : "plain.db");
        test::KineShape shape;
        shape.wal = false;
        if (auto_vacuum) shape.before = "PRAGMA auto_vacuum=INCREMENTAL;";
        shape.after = "DELETE FROM kine WHERE id BETWEEN 500 AND 1500;";
        k.write(file, shape);
        const PageMap map = map_of(file);
        const auto ask = [&](const std::string& sql) {
            return static_cast<std::size_t>(std::stoll(test::query_one(file, sql)));
        };
        CHECK(map.use.size() == ask("PRAGMA page_count"));
        CHECK(count(map, PageUse::free) == ask("PRAGMA freelist_count"));
        CHECK(count(map, PageUse::rows) ==
              ask("SELECT count(*) FROM dbstat WHERE name='kine' AND pagetype='leaf'"));
        CHECK(count(map, PageUse::index) ==
              ask("SELECT count(*) FROM dbstat WHERE name<>'kine' AND name LIKE '%index%'"));
        CHECK(count(map, PageUse::overflow) == 0);
        CHECK(map.use.front() == PageUse::other);
    }
}

TEST_CASE("page map: what was written last is live, what came before is history") {
    const test::TempDir folder;
    test::KineMaker k;
    const auto round = [&] {
        for (int i = 0; i < 200; ++i) k.put("/k/" + std::to_string(i), value('v', 1000));
    };
    for (int i = 0; i < 4; ++i) round();
    const std::string kine = folder.file("kine.db");
    k.write(kine);
    std::vector<std::string> stores{kine, folder.file("native.db"), folder.file("etcd.db")};
    REQUIRE(test::run_cli({"import", kine, "-o", stores[1]}).code == 0);
    REQUIRE(test::run_cli({"import", kine, "-o", stores[2], "--to", "bbolt"}).code == 0);
    for (const std::string& path : stores) {
        CAPTURE(path);
        const PageMap map = map_of(path);
        CHECK(live_share(map, PageUse::rows) == doctest::Approx(0.25).epsilon(0.05));
        // They stand in the order in which they were written: history first.
        std::vector<std::uint8_t> shares;
        for (std::size_t i = 0; i < map.use.size(); ++i) {
            if (map.use[i] == PageUse::rows) shares.push_back(map.live[i]);
        }
        REQUIRE(shares.size() > 40);
        std::size_t mixed = 0;
        for (const std::uint8_t s : shares) mixed += s > 0 && s < 255 ? 1 : 0;
        CHECK(mixed <= 3);
        CHECK(count(map, PageUse::inner) >= 1);
    }
}

TEST_CASE("page map: a long row's overflow pages are as live as the row") {
    const test::TempDir folder;
    test::KineMaker k;
    for (int i = 0; i < 20; ++i) k.put("/long", value('v', 40'000));
    k.put("/short", "v");
    const std::string kine = folder.file("kine.db");
    k.write(kine);
    const std::string etcd = folder.file("etcd.db");
    REQUIRE(test::run_cli({"import", kine, "-o", etcd, "--to", "bbolt"}).code == 0);
    for (const std::string& path : {kine, etcd}) {
        CAPTURE(path);
        const PageMap map = map_of(path);
        CHECK(count(map, PageUse::overflow) >= 20 * 8);
        CHECK(live_share(map, PageUse::overflow) == doctest::Approx(0.05).epsilon(0.5));
    }
}

TEST_CASE("page map: of a bbolt file, pages that nothing reaches are free") {
    std::vector<mvcc::Record> records;
    std::string text = value('v', 500);
    for (std::int64_t i = 0; i < 100; ++i) {
        mvcc::Record r;
        r.revision = {i + 2, 0};
        r.key = "key";
        r.value = text;
        r.create_revision = 2;
        r.version = i + 1;
        records.push_back(r);
    }
    test::BboltImage image = test::etcd_image(records);
    image.free_pages = 7;
    image.store_freelist = true;
    const test::TempFile db(image.build());
    const PageMap map = map_of(db.path());
    CHECK(map.use.size() == image.pages());
    CHECK(count(map, PageUse::free) == 7);
    CHECK(map.use[0] == PageUse::other);
    CHECK(map.use[1] == PageUse::other);
    CHECK(map.use[image.freelist()] == PageUse::other);
    CHECK(map.use[image.root_of("key")] == PageUse::inner);
}
