#include "kvctl/kube/audit.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/kube/decode.hpp"
#include "kvctl/kube/resource.hpp"

namespace kvctl::kube {
namespace {

using Severity = Finding::Severity;

constexpr std::int64_t k_patience = 300 * k_second;  // beyond its time before it is called overdue
constexpr std::size_t k_most_prefixes = 64;
constexpr std::size_t k_most_plain = 100'000;

std::string_view prefix_of(std::string_view key) noexcept {
    return key.substr(0, std::min(key.find('/', 1), key.size()));
}

}  // namespace

void Audit::note(FindingLog& log, Severity severity, const char* code, std::string_view key,
                 std::int64_t revision, std::string what) {
    Finding f;
    f.severity = severity;
    f.code = code;
    f.where = fmt::format("revision {}, {}", revision, escape(key));
    f.what = std::move(what);
    f.revision = revision;
    log.add(std::move(f));
}

void Audit::note(Severity severity, const char* code, const mvcc::Record& record, std::string what) {
    const std::string_view prefix = prefix_of(record.key);
    auto log = logs_.find(prefix);
    if (log == logs_.end()) {
        if (logs_.size() == k_most_prefixes) return;
        log = logs_.emplace(prefix, FindingLog(kept_per_code_)).first;
    }
    note(log->second, severity, code, record.key, record.revision.main, std::move(what));
}

void Audit::look(const mvcc::Record& record, std::uint32_t key) {
    const KeyPath path = parse_key(record.key);
    if (path.resource.empty()) return;
    switch (object_.encoding.kind) {
        case Encoding::Kind::empty:
            return note(Severity::error, "kube-empty-value", record,
                        "the value is empty: the API server cannot decode it");
        case Encoding::Kind::other:
            return note(Severity::error, "kube-unknown-encoding", record,
                        "the value begins like none that the API server writes: it cannot decode it");
        case Encoding::Kind::encrypted:
            encrypted_secrets_ = encrypted_secrets_ || path.resource == "secrets";
            return;
        default:
            break;
    }
    const Decoded d = decode(object_.encoding, {});
    if (!d.fault.empty() || object_.broken) {
        return note(Severity::error, "kube-undecodable", record,
                    "the value cannot be decoded: " +
                        (d.fault.empty() ? "its head is cut short or malformed" : d.fault));
    }
    if (objects_.size() < k_most_prefixes) objects_.emplace(prefix_of(record.key), true);
    KeyPath told;
    if (!parse_key(record.key, object_.name_space, object_.name, told)) {
        note(Severity::error, "kube-other-name", record,
             fmt::format("the object in it says that it is another one: its {} is not that of the key",
                         path.name != object_.name ? "name" : "namespace"));
    }
    if (path.resource != "secrets" || !path.group.empty()) return;
    if (plain_.size() < k_most_plain) {
        plain_.push_back({key, record.revision.main});
    } else {
        ++more_plain_;
    }
}

void Audit::watch(const mvcc::Record& record, std::uint32_t key, std::int64_t ttl) {
    Mortal& m = mortals_[key];
    m = {};
    if (record.tombstone || !object_.is_object) return;
    m.revision = record.revision.main;
    if (object_.kind == "Event" && object_.newest_time() && ttl > 0) {
        m.expires = object_.newest_time()->value() + ttl * k_second;
    } else if (object_.renewed && object_.lease_seconds > 0 && object_.lease_seconds < 1'000'000'000) {
        m.expires = object_.renewed->value() + object_.lease_seconds * k_second;
        m.lease = true;
    }
}

void Audit::add(const mvcc::Record& record, std::int64_t ttl) {
    constexpr std::int64_t k_longest = 1'000'000'000;
    const auto before = keys_.step(record, false, false);
    if (before.key == mortals_.size()) mortals_.emplace_back();
    object_.read(record.tombstone ? std::string_view() : record.value);
    watch(record, before.key, std::clamp<std::int64_t>(ttl, 0, k_longest));
    if (record.tombstone) return;
    sampler_.add(MainRevision(record.revision.main), before.key, object_, before.created(record));
    look(record, before.key);
}

Findings Audit::take() {
    FindingLog log(kept_per_code_);
    // Elsewhere may stand what is none of the API server's.
    for (const auto& [prefix, found] : logs_) {
        if (prefix == "/registry" || objects_.contains(prefix)) log.add(found);
    }
    if (encrypted_secrets_) {
        for (const Plain& p : plain_) {
            note(log, Severity::warning, "kube-plaintext-secret", keys_.key(p.key), p.revision,
                 fmt::format("a secret in plaintext, while others are encrypted; {} counts them",
                             command_on(path_, "du --by encryption")));
        }
    }
    const Timeline timeline = Timeline::fit(sampler_.take());
    if (timeline.points().empty()) return log.take();
    const std::int64_t now = timeline.points().back().time.value();
    for (std::uint32_t key = 0; key < mortals_.size(); ++key) {
        const Mortal& m = mortals_[key];
        if (m.expires == 0 || m.expires + k_patience >= now) continue;
        // A Lease stays when its holder is gone for good; an Event does not.
        note(log, m.lease ? Severity::info : Severity::warning,
             m.lease ? "kube-stale-lease" : "kube-overdue-event", keys_.key(key), m.revision,
             fmt::format("{} at {}, and the newest time in the store is {}",
                         m.lease ? "the Lease was due for renewal" : "the Event's time to live was over",
                         format_time(Time(m.expires)), format_time(Time(now))));
    }
    return log.take();
}

}  // namespace kvctl::kube
