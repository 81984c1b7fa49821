#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

// A dry run's prediction of the file after vacuum against the real one: within 1 % or two pages.
using namespace kvctl::test;
using nlohmann::json;

namespace {

class Dice {
  public:
    explicit Dice(std::uint32_t seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }

  private:
    std::mt19937 engine_;
};

struct Miss {
    double pages = 0;
    double percent = 0;
    [[nodiscard]] bool within() const { return std::abs(pages) <= 2 || std::abs(percent) <= 1; }
};

std::string random_key(Dice& dice, std::size_t n, std::size_t longest) {
    std::string key = "/registry/kind" + std::to_string(n % 3) + "/k" + std::to_string(n);
    key.resize(std::max(key.size(), dice.below(longest)), 'p');
    return key;
}

std::vector<naive::Row> random_native(Dice& dice) {
    naive::Store s(naive::k_classic);
    const std::size_t writes = 20 + dice.below(900);
    std::vector<std::string> keys;
    const std::size_t longest = 30 + dice.below(3) * 150;
    for (std::size_t i = 0; i < 3 + dice.below(200); ++i) keys.push_back(random_key(dice, i, longest));
    const std::size_t sizes = std::vector<std::size_t>{1, 40, 400, 3000, 9000}[dice.below(5)];
    for (std::size_t i = 0; i < writes; ++i) {
        const std::string& key = keys[dice.below(keys.size())];
        if (dice.below(6) == 0) {
            s.remove(key);
        } else {
            s.put(key, std::string(dice.below(sizes), 'v'), dice.below(4) == 0 ? 77777777777 : 0);
        }
        if (dice.below(3) > 0) s.end();
    }
    s.end();
    return s.row_list();
}

Miss compare(const TempDir& folder, const std::string& db, std::int64_t rev,
             const std::vector<std::string>& extra) {
    std::vector<std::string> args{"compact", "--rev", std::to_string(rev), "--vacuum", "-w", "json"};
    args.insert(args.end(), extra.begin(), extra.end());
    std::vector<std::string> dry = args;
    dry.insert(dry.end(), {"-n", db});
    args.push_back(db);
    const Result forecast = run_cli(dry);
    REQUIRE_MESSAGE(forecast.code == 0, forecast.err);
    const json planned = json::parse(forecast.out);
    CHECK(planned.at("size").at("predicted") == true);
    const Result real = run_cli(args);
    REQUIRE_MESSAGE(real.code == 0, real.err);
    const json done = json::parse(real.out);
    CHECK(done.at("size").at("predicted") == false);
    const auto size = static_cast<double>(std::filesystem::file_size(db));
    CHECK(done.at("size").at("file_after_vacuum") == std::filesystem::file_size(db));
    const auto predicted = planned.at("size").at("file_after_vacuum").get<double>();
    const auto page = planned.at("store").at("page_size").get<double>();
    (void)folder;
    return {(predicted - size) / page, (predicted - size) / size * 100};
}

// How many stores of each layout: a sample, or as many as KVCTL_PREDICT_STORES says.
std::uint32_t stores() {
    const char* const asked = std::getenv("KVCTL_PREDICT_STORES");
    return asked == nullptr ? 75 : static_cast<std::uint32_t>(std::stoul(asked));
}

// A bar for each number of pages by which predictions missed; beyond two pages only the percentage counts.
void report(const std::string& what, const std::vector<Miss>& misses) {
    std::map<long, std::size_t> bars;
    double worst = 0;
    std::size_t beyond = 0;
    for (const Miss& m : misses) {
        ++bars[std::lround(m.pages)];
        if (std::abs(m.pages) <= 2) continue;
        ++beyond;
        worst = std::max(worst, std::abs(m.percent));
    }
    std::ostringstream lines;
    lines << what << ", " << misses.size() << " stores, predicted less real size in pages:\n";
    for (const auto& [pages, count] : bars) {
        lines << std::setw(6) << std::showpos << pages << std::noshowpos << std::setw(6) << count << ' '
              << std::string((count * 60 + misses.size() - 1) / misses.size(), '#') << '\n';
    }
    lines << "beyond two pages: " << beyond << ", worst of these " << worst << " %";
    MESSAGE(lines.str());
}

// auto_vacuum and bytes reserved in each page.
template <class Shape>
void vary(Dice& dice, Shape& shape) {
    shape.page_size = 512 << dice.below(8);
    if (dice.below(4) == 0)
        shape.before = dice.below(2) == 0 ? "PRAGMA auto_vacuum = FULL" : "PRAGMA auto_vacuum = INCREMENTAL";
    // Of 512 bytes SQLite wants 480 for itself.
    if (dice.below(4) == 0) shape.reserved = static_cast<int>(dice.below(shape.page_size == 512 ? 33 : 256));
}

}  // namespace

TEST_CASE("predict: native stores after vacuum") {
    const TempDir folder{fast_folder()};
    std::vector<Miss> misses;
    for (std::uint32_t seed = 1; seed <= stores(); ++seed) {
        CAPTURE(seed);
        Dice dice(seed);
        const std::vector<naive::Row> rows = random_native(dice);
        const std::string db = folder.file("s.db");
        std::filesystem::remove(db);
        NativeShape shape;
        shape.shuffled = dice.below(5) == 0;
        shape.key_index = dice.below(3) == 0;
        shape.wal = dice.below(2) == 0;
        vary(dice, shape);
        make_native(db, rows, shape);
        const std::int64_t last = rows.back().revision.main;
        const auto rev = static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(last) + 1));
        const Miss miss = compare(folder, db, rev,
                                  dice.below(2) == 0 ? std::vector<std::string>{"--strategy", "in-place"}
                                                     : std::vector<std::string>{"--strategy", "rewrite"});
        CAPTURE(shape.page_size);
        CAPTURE(shape.reserved);
        CAPTURE(shape.before);
        CAPTURE(shape.key_index);
        CAPTURE(shape.shuffled);
        CHECK_MESSAGE(miss.within(), miss.pages << " pages, " << miss.percent << " %");
        misses.push_back(miss);
    }
    report("native", misses);
}

TEST_CASE("predict: kine stores after vacuum") {
    const TempDir folder{fast_folder()};
    std::vector<Miss> misses;
    for (std::uint32_t seed = 1; seed <= stores(); ++seed) {
        CAPTURE(seed);
        Dice dice(seed + 1000);
        const KineMaker maker = random_kine(seed, 40 + dice.below(900), seed % 2 == 0);
        const std::string db = folder.file("s.db");
        std::filesystem::remove(db);
        KineShape shape;
        shape.age = k_kine_ages[dice.below(4)];
        vary(dice, shape);
        maker.write(db, shape);
        const std::int64_t rev =
            maker.current() -
            static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(maker.current()) / 3));
        std::vector<std::string> extra{"--strategy", dice.below(2) == 0 ? "in-place" : "rewrite"};
        if (dice.below(3) == 0) extra.emplace_back("--drop-old-values");
        const Miss miss = compare(folder, db, rev, extra);
        CAPTURE(shape.page_size);
        CAPTURE(shape.reserved);
        CAPTURE(shape.before);
        CAPTURE(rev);
        CHECK_MESSAGE(miss.within(), miss.pages << " pages, " << miss.percent << " %");
        misses.push_back(miss);
    }
    report("kine", misses);
}
