#include "kvctl/jobs/diff.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/kube/compare.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::jobs {
namespace {

// One of the two: a store, its index, and the keys that are there at a revision.
class Reading {
  public:
    Reading(const std::string& path, const DiffRequest& request)
        : store_(store::open_store(path, request.open)),
          head_(store_->head()),
          rules_(rules_of(*store_, request.rules).rules) {}

    struct At {
        mvcc::KeyId key = 0;
        mvcc::KeyIndex::Found found;
    };

    void load(MainRevision at, Progress* progress, report::Notes& notes) {
        refuse(at);
        index_.emplace(store_->load(rules_, notes.findings, progress));
        for (const mvcc::KeyId id : index_->sorted_keys()) {
            if (const auto found = index_->key_index(id).get(at)) keys_.push_back({id, *found});
        }
    }

    [[nodiscard]] const std::vector<At>& keys() const noexcept { return keys_; }
    [[nodiscard]] std::string_view key(const At& at) const noexcept { return index_->key(at.key); }
    [[nodiscard]] MainRevision current() const noexcept { return head_.current; }
    [[nodiscard]] store::Store& store() noexcept { return *store_; }

    // Valid until the next call.
    [[nodiscard]] mvcc::Record record(const At& at) {
        if (const auto record = store_->record(at.found.modified)) return *record;
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: revision {} is gone: the store changed while it was read",
                                store_->info().path, at.found.modified.main));
    }

  private:
    void refuse(MainRevision at) const {
        const std::string revision = fmt::format("{}: revision {}", store_->info().path, at);
        if (at > head_.current) throw mvcc::future_revision(revision, head_.current);
        const MainRevision limit = head_.compaction_asked();
        if (at >= limit) return;
        throw Error(ErrorKind::compacted, mvcc::compacted_revision(revision, limit).what() +
                                              std::string("; --rev-a and --rev-b choose one for each store"));
    }

    std::unique_ptr<store::Store> store_;
    store::StoreHead head_;
    mvcc::CompactionRules rules_;
    std::optional<mvcc::TreeIndex> index_;
    std::vector<At> keys_;
};

class Diff {
  public:
    Diff(Reading& a, Reading& b, const DiffRequest& request, report::DiffReport& report)
        : a_(a), b_(b), request_(request), report_(report) {
        const store::Traits& x = a.store().traits();
        const store::Traits& y = b.store().traits();
        versions_ = x.versions && y.versions;
        leases_ = x.lease_is_ttl == y.lease_is_ttl;
    }

    void run(Progress* progress) {
        auto a = a_.keys().begin();
        auto b = b_.keys().begin();
        const std::uint64_t total = a_.keys().size();
        while (a != a_.keys().end() || b != b_.keys().end()) {
            if (b == b_.keys().end() || (a != a_.keys().end() && a_.key(*a) < b_.key(*b))) {
                only(a_, *a++, report::DiffKey::Side::a);
            } else if (a == a_.keys().end() || b_.key(*b) < a_.key(*a)) {
                only(b_, *b++, report::DiffKey::Side::b);
            } else {
                both(*a++, *b++);
            }
            const auto done = static_cast<std::uint64_t>(a - a_.keys().begin());
            if (progress != nullptr && done % 1024 == 0) progress->update("comparing", done, total);
        }
    }

  private:
    void only(Reading& side, const Reading::At& at, report::DiffKey::Side name) {
        report::DiffKey k;
        k.key = side.key(at);
        k.side = name;
        const bool in_a = name == report::DiffKey::Side::a;
        if (request_.values) (in_a ? k.bytes_a : k.bytes_b) = side.record(at).value.size();
        ++(in_a ? report_.only_a : report_.only_b);
        report_.keys.push_back(std::move(k));
    }

    void both(const Reading::At& a, const Reading::At& b) {
        ++report_.compared;
        const mvcc::Record x = a_.record(a);
        const mvcc::Record y = b_.record(b);
        report::DiffKey k;
        const auto note = [&](const char* what, bool differs) {
            if (differs && !request_.ignored.contains(what)) k.what.emplace_back(what);
        };
        note("value", x.value != y.value);
        note("lease", leases_ && x.lease != y.lease);
        note("create_revision", x.create_revision != y.create_revision);
        note("mod_revision", a.found.modified.main != b.found.modified.main);
        note("version", versions_ && x.version != y.version);
        if (k.what.empty()) return;
        ++report_.differ;
        k.key = a_.key(a);
        k.bytes_a = x.value.size();
        k.bytes_b = y.value.size();
        if (request_.values && x.value != y.value) k.fields = fields_of(x.value, y.value);
        report_.keys.push_back(std::move(k));
    }

    std::vector<std::string> fields_of(std::string_view before, std::string_view after) {
        before_.read(before);
        after_.read(after);
        std::vector<std::string> fields;
        (void)comparer_.compare(before_, after_, [&](const kube::Change& c) {
            if (c.path.empty() || std::find(fields.begin(), fields.end(), c.path) != fields.end()) return;
            fields.emplace_back(c.path);
        });
        return fields;
    }

    Reading& a_;
    Reading& b_;
    const DiffRequest& request_;
    report::DiffReport& report_;
    bool versions_ = true;
    bool leases_ = true;
    kube::Object before_;
    kube::Object after_;
    kube::Comparer comparer_;
};

}  // namespace

report::DiffReport diff_stores(const DiffRequest& request, Progress* progress) {
    Reading a(request.path_a, request);
    Reading b(request.path_b, request);
    report::DiffReport report;
    const MainRevision smaller = std::min(a.current(), b.current());
    report.revision_a = request.revision_a.value_or(smaller);
    report.revision_b = request.revision_b.value_or(smaller);
    report.a = facts_of(a.store().info());
    report.b = facts_of(b.store().info());
    report.values = request.values;
    a.load(report.revision_a, progress, report.notes);
    b.load(report.revision_b, progress, report.notes);
    Diff(a, b, request, report).run(progress);
    return report;
}

}  // namespace kvctl::jobs
