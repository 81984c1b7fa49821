#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/kube/audit.hpp"
#include "kvctl/kube/compare.hpp"
#include "kvctl/kube/decode.hpp"
#include "kvctl/kube/json_text.hpp"
#include "kvctl/kube/timeline.hpp"
#include "kvctl/kube/writer.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
namespace {

constexpr std::string_view k_key = "/registry/secrets/ns/name";

void look_at(std::string_view value) {
    for (const bool reveal : {false, true}) {
        const kube::Decoded d = kube::decode(k_key, value, {reveal, nullptr});
        promise(!d.has_object() || d.fault.empty(), "an object and a fault");
        promise(!d.has_object() || kube::is_json(d.json), "an object that is no JSON");
    }
    kube::Audit audit;
    mvcc::Record record;
    record.revision = {1, 0};
    record.key = k_key;
    record.create_revision = 1;
    record.value = value;
    audit.add(record, 3600);
    (void)audit.take();
}

kube::Verdict compare(kube::Comparer& comparer, const kube::Object& before, const kube::Object& after,
                      std::vector<std::string>& paths) {
    paths.clear();
    return comparer.compare(before, after, [&](const kube::Change& c) { paths.emplace_back(c.path); });
}

}  // namespace

// Two values, one after another: the first byte tells where the second begins.
void kube_value(std::string_view bytes, Depth /*depth*/) {
    if (bytes.empty()) return;
    const auto cut = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    const std::size_t at = std::min<std::size_t>(bytes.size(), cut * bytes.size() / 256);
    const std::string before(bytes.substr(0, at));
    const std::string after(bytes.substr(at));
    look_at(before);
    look_at(after);
    kube::Object b;
    kube::Object a;
    b.read(before);
    a.read(after);
    kube::Comparer comparer;
    std::vector<std::string> paths;
    promise(compare(comparer, a, a, paths) == kube::Verdict::no_op && paths.empty(),
            "an object differs from itself");
    const kube::Verdict there = compare(comparer, b, a, paths);
    (void)kube::writer_of(&b, a, paths);
    const kube::Verdict back = compare(comparer, a, b, paths);
    promise((there == kube::Verdict::no_op) == (back == kube::Verdict::no_op),
            "no change there is a change back");
    const kube::KeyTimes times(b);
    (void)kube::time_of_write(&times, a, false);
}

// Samples of four bytes: how far the revision is from the one before, and a time.
void kube_timeline(std::string_view bytes, Depth /*depth*/) {
    std::vector<kube::Sample> samples;
    std::int64_t revision = 0;
    for (; bytes.size() >= 4; bytes.remove_prefix(4)) {
        const auto byte = [&](std::size_t i) {
            return static_cast<std::int64_t>(static_cast<unsigned char>(bytes[i]));
        };
        revision += byte(0) + 1;
        samples.push_back(
            {MainRevision(revision), kube::Time((byte(1) << 16 | byte(2) << 8 | byte(3)) * kube::k_second)});
    }
    const kube::Timeline t = kube::Timeline::fit(samples);
    promise(t.points().empty() == samples.empty(), "a clock without a sample, or none with one");
    (void)t.jumps();
    promise(t.thinned(10).size() <= std::max<std::size_t>(10, 2), "more points than asked for");
    // At each sample and just before it, and outside of all.
    std::vector<std::int64_t> asked{0};
    for (const kube::Sample& sample : samples) {
        const std::int64_t at_sample = sample.revision.value();
        if (asked.back() < at_sample - 1) asked.push_back(at_sample - 1);
        asked.push_back(at_sample);
    }
    asked.push_back(revision + 1);
    std::optional<kube::Time> last;
    for (const std::int64_t r : asked) {
        const auto at = t.time_of(MainRevision(r));
        if (!at) continue;
        promise(!last || *last <= at->time, "time goes back");
        last = at->time;
        const auto found = t.revision_at(at->time);
        promise(!found || !at->error || found->time <= at->time, "a revision after the time asked for");
    }
}

}  // namespace kvctl::fuzz
