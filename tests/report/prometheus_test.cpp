#include <doctest/doctest.h>

#include <sys/stat.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/report/prometheus.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using test::run_cli;

namespace {

using Labels = std::map<std::string, std::string>;

struct Sample {
    std::string name;
    Labels labels;
    std::string value;
};

// The label pairs between the braces, unescaped; fails the test where they are none.
Labels labels_of(const std::string& text) {
    Labels labels;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t equals = text.find("=\"", at);
        REQUIRE_MESSAGE(equals != std::string::npos, text);
        const std::string name = text.substr(at, equals - at);
        CHECK(std::regex_match(name, std::regex("[a-zA-Z_][a-zA-Z0-9_]*")));
        std::string value;
        for (at = equals + 2; at < text.size() && text[at] != '"'; ++at) {
            if (text[at] != '\\') {
                value += text[at];
                continue;
            }
            REQUIRE(++at < text.size());
            REQUIRE_MESSAGE(std::string("\\\"n").find(text[at]) != std::string::npos, text);
            value += text[at] == 'n' ? '\n' : text[at];
        }
        REQUIRE(at < text.size());
        CHECK(labels.emplace(name, value).second);
        ++at;
        if (at < text.size()) CHECK(text[at++] == ',');
    }
    return labels;
}

// The grammar of the text format, version 0.0.4, as far as gauges need it, and what the textfile collector
// refuses beyond it: a series that comes twice, a group that is torn apart, a metric without HELP and TYPE.
std::vector<Sample> read_metrics(const std::string& text) {
    std::vector<Sample> samples;
    std::set<std::string> helped;
    std::set<std::string> typed;
    std::set<std::string> ended;
    std::set<std::string> series;
    std::string group;
    const std::regex help(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\\n]|\\\\|\\n)+)");
    const std::regex type(R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (gauge|counter|untyped))");
    const std::regex sample(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} (-?[0-9]+))");
    REQUIRE((text.empty() || text.back() == '\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        std::smatch m;
        if (std::regex_match(line, m, help)) {
            CHECK(helped.insert(m[1]).second);
            if (!group.empty()) ended.insert(group);
            group = m[1];
        } else if (std::regex_match(line, m, type)) {
            CHECK(typed.insert(m[1]).second);
            CHECK(m[1] == group);
        } else {
            REQUIRE(std::regex_match(line, m, sample));
            CHECK(m[1] == group);
            CHECK(typed.contains(m[1]));
            CHECK_FALSE(ended.contains(m[1]));
            CHECK(series.insert(m[1].str() + "{" + m[2].str()).second);
            samples.push_back({m[1], labels_of(m[2]), m[3]});
        }
    }
    return samples;
}

std::string value_of(const std::vector<Sample>& samples, const std::string& name, const Labels& labels) {
    for (const Sample& s : samples) {
        if (s.name == "kvctl_store_" + name && s.labels == labels) return s.value;
    }
    return "none";
}

std::string written(const std::vector<report::Scraped>& stores) {
    std::ostringstream out;
    report::write_prometheus(out, stores, 1000, 1'790'000'000);
    return out.str();
}

report::StatusReport a_status() {
    report::StatusReport s;
    s.store.file_bytes = 61440;
    s.free_bytes = 4096;
    s.wal_bytes = 32;
    s.current = 9;
    s.revisions = 8;
    s.live_keys = 3;
    s.live_bytes = 70;
    s.history_bytes = 138;
    s.predicted_bytes = 40960;
    return s;
}

}  // namespace

TEST_CASE("prometheus: a store's numbers, each with its help and type") {
    const auto samples = read_metrics(written({{"db.sqlite", a_status()}}));
    const Labels path{{"path", "db.sqlite"}};
    const std::map<std::string, std::string> expected{{"readable", "1"},
                                                      {"file_bytes", "61440"},
                                                      {"free_bytes", "4096"},
                                                      {"wal_bytes", "32"},
                                                      {"revision_current", "9"},
                                                      {"revision_compacted", "-1"},
                                                      {"revisions", "8"},
                                                      {"live_keys", "3"},
                                                      {"live_bytes", "70"},
                                                      {"history_bytes", "138"},
                                                      {"scrape_timestamp_seconds", "1790000000"}};
    for (const auto& [name, value] : expected) {
        CAPTURE(name);
        CHECK(value_of(samples, name, path) == value);
    }
    CHECK(value_of(samples, "predicted_bytes", {{"path", "db.sqlite"}, {"keep_last", "1000"}}) == "40960");
    CHECK(samples.size() == expected.size() + 1);
}

TEST_CASE("prometheus: several stores share a group, and one that cannot be read has no numbers") {
    report::StatusReport etcd = a_status();
    etcd.predicted_bytes.reset();
    etcd.etcd.emplace();
    etcd.etcd->alarms.push_back({1, "NOSPACE", ""});
    etcd.etcd->alarms.push_back({2, "NOSPACE", ""});
    const auto samples = read_metrics(written({{"a", a_status()}, {"b", etcd}, {"c", std::nullopt}}));
    CHECK(value_of(samples, "file_bytes", {{"path", "a"}}) == "61440");
    CHECK(value_of(samples, "file_bytes", {{"path", "b"}}) == "61440");
    CHECK(value_of(samples, "file_bytes", {{"path", "c"}}) == "none");
    CHECK(value_of(samples, "readable", {{"path", "c"}}) == "0");
    CHECK(value_of(samples, "scrape_timestamp_seconds", {{"path", "c"}}) == "1790000000");
    CHECK(value_of(samples, "alarm", {{"path", "b"}, {"type", "NOSPACE"}}) == "1");
    CHECK(value_of(samples, "alarm", {{"path", "b"}, {"type", "CORRUPT"}}) == "0");
    CHECK(value_of(samples, "alarm", {{"path", "a"}, {"type", "NOSPACE"}}) == "none");
    CHECK(value_of(samples, "predicted_bytes", {{"path", "b"}, {"keep_last", "1000"}}) == "none");
}

TEST_CASE("prometheus: any path is a label, and a path given twice is one store") {
    const std::string odd = "a \"b\"\\c\nd,e}=f";
    const auto samples = read_metrics(written({{odd, a_status()}, {"x\xff", a_status()}, {odd, a_status()}}));
    CHECK(value_of(samples, "file_bytes", {{"path", odd}}) == "61440");
    CHECK(value_of(samples, "file_bytes", {{"path", "x\\xff"}}) == "61440");
}

TEST_CASE("prometheus: without a store that could be read there is still an answer") {
    CHECK(read_metrics(written({{"gone", std::nullopt}})).size() == 2);
}

TEST_CASE("status -w prometheus: real stores, to standard output and to a file") {
    const test::TempDir folder;
    const std::string kine = test::testdata("stores/k3s-sample.db");
    const test::TempFile db(test::etcd_image({}).build());
    const test::Result r = run_cli({"status", "-w", "prometheus", kine, db.path()});
    REQUIRE_MESSAGE(r.code == 0, r.err);
    const auto samples = read_metrics(r.out);
    CHECK(value_of(samples, "readable", {{"path", kine}}) == "1");
    CHECK(value_of(samples, "alarm", {{"path", db.path()}, {"type", "NOSPACE"}}) == "0");
    CHECK(value_of(samples, "predicted_bytes", {{"path", kine}, {"keep_last", "1000"}}) != "none");

    const std::string out = folder.file("kvctl.prom");
    CHECK(run_cli({"status", "-w", "prometheus", "-o", out, kine}).code == 0);
    const auto first = read_metrics(test::read_file(out));
    CHECK(value_of(first, "readable", {{"path", kine}}) == "1");
    // Again, over the older one, whose mode stays; and a store that is not there changes what is told of it
    // alone.
    REQUIRE(::chmod(out.c_str(), 0640) == 0);
    const std::string gone = folder.file("gone.db");
    CHECK(run_cli({"status", "-w", "prometheus", "-q", "-o", out, kine, gone}).code == 7);
    const auto second = read_metrics(test::read_file(out));
    CHECK(value_of(second, "readable", {{"path", kine}}) == "1");
    CHECK(value_of(second, "readable", {{"path", gone}}) == "0");
    struct stat st {};
    REQUIRE(::stat(out.c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0640);
    CHECK(folder.names() == std::vector<std::string>{"kvctl.prom"});
}

TEST_CASE("status: -o is for metrics, and replaces files alone") {
    const test::TempDir folder;
    const std::string kine = test::testdata("stores/k3s-sample.db");
    CHECK(run_cli({"status", "-o", folder.file("x"), kine}).code == 2);
    CHECK(run_cli({"status", "-w", "json", "-o", folder.file("x"), kine}).code == 2);
    CHECK(run_cli({"check", "-w", "prometheus", kine}).code == 2);
    CHECK(run_cli({"status", "-w", "prometheus", "-o", folder.path().string(), kine}).code == 4);
    CHECK(run_cli({"status", "-w", "prometheus", "-o", folder.file("no/x"), kine}).code == 7);
    CHECK(folder.names().empty());
}
