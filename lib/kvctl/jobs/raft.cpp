#include "kvctl/jobs/raft.hpp"

#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/jobs/store_view.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/write_jsonl.hpp"
#include "kvctl/report/raft_detail.hpp"

namespace kvctl::jobs {

// What the log is held against: the store named with --store, else the db of the same data directory.
class LogBeside {
  public:
    LogBeside(const RaftRequest& o, const raftlog::Header& h, StoreView* view) {
        if (view != nullptr) {
            applied_ = view->consistent_index();
            release_ = release_of(view->store(), o.version);
            owner_ = owner_of(view->store(), h);
            return;
        }
        if (o.version) release_ = raftlog::release_of(*o.version);
        applied_ = h.consistent_index;
        if (!h.start_up) return;
        // The log is what was asked about: a db that cannot be read says nothing, and `check` says why.
        try {
            const auto db = store::open_store(h.start_up->folder + "/db", {});
            applied_ = db->head().consistent_index;
            release_ = release_of(*db, o.version);
            owner_ = owner_of(*db, h);
        } catch (const Error& e) {
            if (e.kind() == ErrorKind::interrupted) throw;
        }
    }
    [[nodiscard]] std::optional<LogIndex> applied() const noexcept { return applied_; }
    [[nodiscard]] raftlog::Release release() const noexcept { return release_; }
    [[nodiscard]] std::optional<raft::Belonging> belonging(const raftlog::Header& h) const {
        return owner_ ? std::optional(jobs::belonging(*owner_, h)) : std::nullopt;
    }

  private:
    std::optional<LogIndex> applied_;
    raftlog::Release release_ = raftlog::Release::unknown;
    std::optional<raft::Belonging::Store> owner_;
};

namespace {

report::RaftReport report_of(const RaftRequest& o, const raftlog::Header& h, const LogBeside& beside) {
    report::RaftReport r;
    r.path = o.log;
    r.source = h.kind == raftlog::SourceKind::table ? "store" : o.log;
    r.format = raftlog::name_of(h.kind);
    r.newest_snapshot = raftlog::loaded_snapshot(h, beside.release());
    if (h.start_up) r.start_up = {h.start_up->up_to_3_6.snapshot, h.start_up->from_3_7.snapshot};
    r.hard_state = h.hard_state;
    r.node_id = h.node_id;
    r.cluster_id = h.cluster_id;
    r.consistent_index = beside.applied();
    r.filtered = h.filtered;
    r.read_from = h.path;
    return r;
}

raft::AuditOptions audit_options(const raftlog::Header& h, const report::RaftReport& r,
                                 raftlog::Release release) {
    raft::AuditOptions a;
    a.snapshot = h.snapshot;
    a.snapshot_stored = h.snapshot_stored;
    a.hard_state = h.hard_state;
    a.consistent_index = r.consistent_index;
    a.newest_snapshot = raftlog::snapshot_within(h, release);
    a.expect_snapshot_record = h.expect_snapshot_record;
    a.filtered = h.filtered;
    a.text_only = !h.has_data;
    return a;
}

// Everything that one walk over the entries tells, but for the list of them.
class LogPass {
  public:
    LogPass(const raftlog::Header& h, const report::RaftReport& r, const LogBeside& beside)
        : audit_(audit_options(h, r, beside.release())),
          start_up_(h, beside.release(), beside.applied()),
          commit_(raftlog::known_commit(h, beside.applied())),
          layout_(h.snapshot, {std::nullopt, beside.applied()}),
          belongs_(beside.belonging(h)),
          applied_(beside.applied()) {}

    void add(const raftlog::Item& item) {
        if (belongs_) belongs_->see(item.entry(), item.facts.request);
        audit_.add(item.facts);
        start_up_.add(item.facts);
        layout_.add(item.facts);
        if (commit_.see(item.entry())) ++committed_;
    }

    // Behind the last entry: fills the layout, and returns what was found.
    [[nodiscard]] Findings finish(const raftlog::Source& source, report::RaftReport& r) {
        r.layout = layout_.layout();
        r.counts = layout_.counts();
        if (commit_.last()) r.counts.committed = committed_;
        Findings all = raftlog::findings_of(source, commit_.last(), applied_);
        for (Findings more : {audit_.finish(), start_up_.finish()}) {
            for (Finding& f : more) all.push_back(std::move(f));
        }
        if (auto f = foreign_log(belongs_, r.path)) all.push_back(std::move(*f));
        return all;
    }
    [[nodiscard]] raft::Marks marks() const noexcept { return {commit_.last(), applied_}; }

  private:
    raft::Audit audit_;
    raftlog::StartUpAudit start_up_;
    raft::CommitWatch commit_;
    raft::LayoutBuilder layout_;
    std::optional<raft::Belonging> belongs_;
    std::optional<LogIndex> applied_;
    std::uint64_t committed_ = 0;
};

// File names in findings may be any bytes; JSON wants UTF-8.
void append(Findings& to, Findings from) {
    for (Finding& f : from) {
        if (!is_utf8(f.where)) f.where = escape(f.where);
        to.push_back(std::move(f));
    }
}

}  // namespace

struct RaftLog::Parts {
    explicit Parts(RaftRequest request)
        : o(std::move(request)),
          source(raftlog::open(o.log, o.open.timeout_ms, o.wal_dir)),
          view(o.store ? std::make_unique<StoreView>(*o.store, o.open, o.rules) : nullptr),
          beside(o, source->header(), view.get()) {}

    // Hands every entry to the pass, then to `f`.
    void each(raftlog::Want want, LogPass& pass, Progress* progress,
              const std::function<bool(const raftlog::Item&)>& f) const {
        std::uint64_t seen = 0;
        source->each(want, [&](const raftlog::Item& item) {
            if (progress != nullptr && (++seen & 0x3FFF) == 0) progress->update("reading entries", seen, 0);
            pass.add(item);
            return f(item);
        });
    }

    RaftRequest o;
    std::unique_ptr<raftlog::Source> source;
    std::unique_ptr<StoreView> view;  // null: none was named
    LogBeside beside;
};

RaftLog::RaftLog(const RaftRequest& request) : parts_(std::make_unique<Parts>(request)) {}
RaftLog::~RaftLog() = default;

bool RaftLog::has_data() const {
    return parts_->source->header().has_data;
}

report::RaftReport RaftLog::read(const Listing& listing, Progress* progress) {
    const Parts& p = *parts_;
    report::RaftReport r = report_of(p.o, p.source->header(), p.beside);
    if (p.view) {
        p.view->match(*p.source);
        r.store = p.view->check();
    }
    LogPass pass(p.source->header(), r, p.beside);
    std::uint64_t listed = 0;
    p.each(listing.details ? raftlog::Want::data : raftlog::Want::facts, pass, progress,
           [&](const raftlog::Item& item) {
               if (!listing.each || !listing.filter.keeps(item.facts)) return true;
               ++listed;
               report::RaftEntry e{item.facts, {}, {}, p.view != nullptr, item.pages};
               if (p.view) e.revision = p.view->revision_of(item.facts.index);
               if (listing.details)
                   e.detail =
                       item.text.empty() ? report::describe_request(item.entry()) : std::string(item.text);
               return listing.each(e);
           });
    if (listing.each) r.listed = listed;
    append(r.findings, pass.finish(*p.source, r));
    append(r.findings, p.source->header().about);
    if (p.view) append(r.findings, p.view->findings());
    return r;
}

report::RaftReport RaftLog::compact(LogIndex at, const std::string& output, Progress* progress) {
    const Parts& p = *parts_;
    refuse_dqlite(p.source->header());
    report::RaftReport r = report_of(p.o, p.source->header(), p.beside);
    LogPass pass(p.source->header(), r, p.beside);
    p.each(raftlog::Want::facts, pass, progress, [](const raftlog::Item&) { return true; });
    Findings findings = pass.finish(*p.source, r);
    refuse_corrupt(findings, p.o.log, "nothing was written: the copy would hide it");
    const auto verdict =
        check_compaction(r.path, at, r.layout.snapshot.index, r.layout.last_index, pass.marks());
    report::RaftReport::Compaction done;
    done.output = output;
    done.result = verdict == raft::CompactVerdict::would_compact ? "compacted" : "already-compacted";
    done.layout = raftlog::write_compacted(*p.source, at, output);
    r.compaction = std::move(done);
    append(r.findings, std::move(findings));
    return r;
}

}  // namespace kvctl::jobs
