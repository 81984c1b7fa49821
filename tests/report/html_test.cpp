#include <doctest/doctest.h>

#include <cmath>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/jobs/page_picture.hpp"
#include "kvctl/report/html/text.hpp"
#include "kvctl/report/html/treemap.hpp"
#include "kvctl/report/store_report.hpp"
#include "tests/support/check_page.hpp"

using namespace kvctl;
using report::PageKind;

namespace {

std::string page_of(const report::StoreReport& r) {
    std::ostringstream out;
    report::write_html(out, r);
    return out.str();
}

// As much of everything as a report can hold, with names that are as long and as odd as can be.
report::StoreReport crowded() {
    report::StoreReport r;
    const std::string odd(3000, '<');
    r.version = "1.0.0";
    r.status.store = {odd, "kine", 4'000'000'000, 4096, 10};
    r.status.live_bytes = 1'000'000'000;
    r.status.history_bytes = 2'000'000'000;
    r.forecast.emplace();
    r.forecast->target = 9;
    r.forecast->file_before = 4'000'000'000;
    r.forecast->file_after = 1'500'000'000;
    r.forecast->kept.bytes = 1'100'000'000;
    r.forecast->command = "kvctl compact " + odd;
    r.forecast->refusal = odd;
    r.no_forecast = odd;
    r.usage.emplace();
    for (std::uint64_t i = 0; i < 40; ++i) {
        mvcc::Usage u;
        u.keys = u.revisions = i + 1;
        u.live_bytes = 1000 * i + 1;
        u.history_bytes = 100;
        r.usage->total += u;
        r.usage->prefixes.push_back({odd + std::to_string(i), u});
        r.usage->keys.push_back({std::string(3000, '\xfe') + std::to_string(i), u});
    }
    r.usage->all_prefixes = 1'000'000;
    r.usage->all_keys = 10'000'000;
    r.pages.emplace();
    r.pages->page_size = 4096;
    r.pages->pages = 40'000'000;
    r.pages->pages_per_cell = 10'000;
    for (std::size_t i = 0; i < report::PagePicture::k_most_cells; ++i)
        r.pages->cells.push_back(static_cast<PageKind>(i % report::k_page_kinds));
    r.churn.emplace();
    r.timeline.emplace();
    r.timeline->stretch = 3600 * kube::k_second;
    for (std::uint64_t i = 0; i < 60; ++i)
        r.timeline->stretches.push_back({kube::Time(1'790'000'000'000'000), i * 1'000'000});
    for (std::size_t i = 0; i < 20; ++i) {
        r.churn->rows.push_back({odd, 1'000'000'000, 1, 1, 1, 1});
        r.churn->fields.push_back({odd, 1'000'000});
    }
    for (std::size_t i = 0; i < 3000; ++i) {
        r.check.findings.push_back({Finding::Severity::error, "orphan-row", odd, odd, std::nullopt});
        r.warnings.push_back(odd);
    }
    return r;
}

}  // namespace

TEST_CASE("html: text from a store cannot end an element or an attribute") {
    struct Row {
        std::string bytes;
        std::string text;
    };
    const std::vector<Row> rows{
        {"a&b", "a&amp;b"},
        {"<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"},
        {"\" onload=\"x", "&quot; onload=&quot;x"},
        {"ä\n\xff", "ä\\n\\xff"},
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"}};
    for (const Row& row : rows) {
        CAPTURE(row.bytes);
        CHECK(report::html::text(row.bytes) == row.text);
    }
}

TEST_CASE("html: a long key loses its middle, never a part of a character") {
    CHECK(report::html::shortened("short", 10) == "short");
    CHECK(report::html::shortened("0123456789abcdefghij", 9) == "012345…hij");
    const std::string umlauts = "ääääääääää";
    for (std::size_t most = 4; most < 20; ++most) {
        CAPTURE(most);
        CHECK(report::html::text(report::html::shortened(umlauts, most)).find('\\') == std::string::npos);
    }
}

TEST_CASE("html: numbers of a chart") {
    CHECK(report::html::decimal(0) == "0");
    CHECK(report::html::decimal(12.5) == "12.5");
    CHECK(report::html::decimal(0.049) == "0.05");
    CHECK(report::html::decimal(-1.25) == "-1.25");
    CHECK(report::html::percent(1, 3) == "33 %");
    CHECK(report::html::percent(1, 1000000) == "0.1 %");
    CHECK(report::html::percent(0, 10) == "0 %");
    CHECK(report::html::percent(1, 0) == "0 %");
}

TEST_CASE("html: a treemap's boxes fill its rectangle, as much each as its weight, and do not overlap") {
    const std::vector<std::vector<double>> all{
        {1}, {6, 6, 4, 3, 2, 2, 1}, {1000, 1, 1, 1}, std::vector<double>(40, 1), {1e9, 1e3, 1}};
    for (const auto& weights : all) {
        CAPTURE(weights.size());
        double sum = 0;
        for (const double w : weights) sum += w;
        const auto boxes = report::html::squarify(weights, 200, 100);
        REQUIRE(boxes.size() == weights.size());
        for (std::size_t i = 0; i < boxes.size(); ++i) {
            const auto& b = boxes[i];
            CHECK(b.width * b.height == doctest::Approx(weights[i] / sum * 20000).epsilon(1e-6));
            CHECK(b.x >= -1e-9);
            CHECK(b.y >= -1e-9);
            CHECK(b.x + b.width <= 200 + 1e-6);
            CHECK(b.y + b.height <= 100 + 1e-6);
            for (std::size_t k = 0; k < i; ++k) {
                const auto& o = boxes[k];
                const double across = std::min(b.x + b.width, o.x + o.width) - std::max(b.x, o.x);
                const double down = std::min(b.y + b.height, o.y + o.height) - std::max(b.y, o.y);
                CHECK((across < 1e-6 || down < 1e-6));
            }
        }
    }
    CHECK(report::html::squarify({}, 10, 10).empty());
}

TEST_CASE("html: a picture of pages has a bounded number of cells, and every byte of the file in one kind") {
    for (const std::size_t pages :
         {std::size_t{0}, std::size_t{1}, std::size_t{4000}, std::size_t{4001}, std::size_t{1'000'003}}) {
        CAPTURE(pages);
        store::PageMap map(4096, pages);
        for (std::size_t i = 0; i < pages; ++i) {
            map.use[i] = static_cast<store::PageUse>(i % 6);
            if (map.use[i] == store::PageUse::rows) map.live[i] = static_cast<std::uint8_t>(i * 7);
        }
        const report::PagePicture p = jobs::picture_of(map);
        CHECK(p.cells.size() <= report::PagePicture::k_most_cells);
        CHECK(p.cells.size() * p.pages_per_cell >= pages);
        std::uint64_t bytes = 0;
        for (const std::uint64_t b : p.bytes) bytes += b;
        CHECK(bytes <= pages * 4096);
        CHECK(bytes + report::k_page_kinds >= pages * 4096);
    }
}

TEST_CASE("html: a cell is of the kind that most of its pages hold") {
    store::PageMap map(4096, 8001);  // three pages a cell
    map.use[0] = store::PageUse::rows;
    map.live[0] = 255;
    map.use[1] = store::PageUse::rows;
    map.live[1] = 200;
    map.use[3] = store::PageUse::rows;
    map.live[3] = 100;
    map.use[4] = store::PageUse::rows;
    map.use[6] = map.use[7] = store::PageUse::overflow;
    map.use[9] = store::PageUse::inner;
    map.use[10] = store::PageUse::index;
    const report::PagePicture p = jobs::picture_of(map);
    REQUIRE(p.pages_per_cell == 3);
    CHECK(p.cells[0] == PageKind::live);
    CHECK(p.cells[1] == PageKind::history);
    CHECK(p.cells[2] == PageKind::overflow);
    CHECK(p.cells[3] == PageKind::index);
    CHECK(p.cells[4] == PageKind::free);
}

TEST_CASE("html: where nothing is stored a sentence says so, and no table stands without a row") {
    report::StoreReport r;
    r.status.store = {"empty.db", "kine", 32768, 4096, 0};
    r.usage.emplace();
    r.churn.emplace();
    r.forecast.emplace();
    r.forecast->nothing_to_do = true;
    r.forecast->file_before = 32768;
    r.forecast->file_after = 32768;
    const std::string page = page_of(r);
    test::check_page(page);
    CHECK(page.find("No revision is stored.") != std::string::npos);
    CHECK(page.find("None: no key is stored.") != page.rfind("None: no key is stored."));
    for (const char* const empty : {"t-prefixes", "t-keys", "t-writers", "Once free space is given back"})
        CHECK_MESSAGE(page.find(empty) == std::string::npos, empty);
}

// A -wal counts twice where it is taken for a part of the file: the file grows when it is moved in.
TEST_CASE(
    "html: what a -wal holds is among the parts of the file, and nothing is said to shrink that grows") {
    report::StoreReport r;
    r.status.store = {"wal.db", "kine", 1'536'000, 4096, 0};
    r.status.wal_bytes = 6'756'832;
    r.status.revisions = 3599;
    r.status.keys = 953;
    r.status.live_bytes = 1'259'344;
    r.status.overhead_bytes = 2'000'000;
    r.forecast.emplace();
    r.forecast->target = 2600;
    r.forecast->file_before = 1'536'000;
    r.forecast->file_after = 2'100'000;
    const std::string page = page_of(r);
    test::check_page(page);
    CHECK(
        page.find("1.5 MiB, and 6.4 MiB in its -wal. A compaction at revision 2,600 would leave 2.0 MiB.") !=
        std::string::npos);
    CHECK(page.find("Now, its -wal moved in: 3.1 MiB") != std::string::npos);
    CHECK(page.find("would shrink") == std::string::npos);
}

TEST_CASE("html: the page of an empty report, and of one as full as can be, is sound and small") {
    test::check_page(page_of({}));
    const std::string page = page_of(crowded());
    test::check_page(page);
    CHECK(page.size() < 3'000'000);
    CHECK(page.find("<<") == std::string::npos);
    // Names lose their middle, a command does not.
    CHECK(page.find(report::html::text(crowded().forecast->command) + "</code></pre>") != std::string::npos);
}
