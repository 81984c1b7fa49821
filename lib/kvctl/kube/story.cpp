#include "kvctl/kube/story.hpp"

#include "kvctl/kube/decode.hpp"
#include "kvctl/kube/timeline.hpp"
#include "kvctl/kube/writer.hpp"

namespace kvctl::kube {

std::string_view name_of(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::no_op:
            return "no-op";
        case Verdict::heartbeat:
            return "heartbeat";
        case Verdict::change:
            return "change";
    }
    return "";
}

// The verdict and the paths are those of the content; what the fields hold comes from the decoded objects, a
// Secret's data left out.
void Story::compare(const mvcc::Record& record, const Object& before, const Object& after, Step& step) {
    step.verdict = comparer_.compare(before, after, [&](const Change& c) {
        for (const FieldChange& f : step.changes) {
            if (f.path == c.path) return;
        }
        if (!c.path.empty()) step.changes.push_back({std::string(c.path), c.heartbeat, {}, {}});
    });
    if (!options_.values) return;
    const DecodeOptions decoding{options_.reveal_secrets, nullptr};
    const Decoded b = decode(record.key, before.value, decoding);
    const Decoded a = decode(record.key, after.value, decoding);
    if (!b.has_object() || !a.has_object()) return;
    (void)comparer_.compare_json(b.json, a.json, [&](const Change& c) {
        for (FieldChange& f : step.changes) {
            if (f.path != c.path || !f.before.empty() || !f.after.empty()) continue;
            f.before = c.before;
            f.after = c.after;
        }
    });
}

Story::Step Story::step(const mvcc::Record& record) {
    Step step;
    Object before;
    Object after;
    const bool has_before = seen_ && !tombstone_;
    if (has_before) before.read(value_);
    if (!record.tombstone) {
        after.read(record.value);
        step.created = seen_ ? tombstone_ : record.create_revision == record.revision.main;
        if (has_before) compare(record, before, after, step);
        std::vector<std::string> paths;
        for (const FieldChange& f : step.changes) paths.push_back(f.path);
        step.writer =
            after.is_object ? writer_of(has_before ? &before : nullptr, after, paths) : k_unknown_writer;
        const KeyTimes times(before);
        step.time = time_of_write(has_before ? &times : nullptr, after, step.created);
    }
    value_.assign(record.value);
    seen_ = true;
    tombstone_ = record.tombstone;
    return step;
}

}  // namespace kvctl::kube
