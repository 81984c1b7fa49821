#include "kvctl/dqlite/log.hpp"

#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <thread>

#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/dqlite/mapped.hpp"

namespace kvctl::dqlite {
namespace {

Finding finding(Finding::Severity severity, const char* code, const std::string& where, std::string what) {
    return {severity, code, where, std::move(what)};
}

class LogReader {
  public:
    LogReader(const Folder& folder, const LogPlan& plan, const std::function<bool(const LogEntry&)>& f,
              Findings& findings, const std::function<void()>& at_file_end)
        : folder_(folder),
          f_(f),
          findings_(findings),
          at_file_end_(at_file_end),
          snapshot_(plan.snapshot),
          last_closed_(plan.closed.empty() ? nullptr : &plan.closed.back()) {
        end_.next = plan.first;
    }

    // False: the log ends here.
    bool closed(const ClosedSegment& s) {
        const Mapped file(folder_, s.name);
        SegmentReader reader(file.bytes());
        if (!entries(reader, s.name)) return false;
        file.expect_whole();
        const LogIndex expected(s.last.value() + 1);
        if (reader.fault().empty() && end_.next == expected && reader.offset() == file.bytes().size())
            return true;
        std::string what = reader.fault();
        if (what.empty()) {
            what = end_.next == expected ? "bytes follow the last entry"
                                         : fmt::format("it holds entries up to {}, its name says {}",
                                                       end_.next.value() - 1, s.last);
        }
        const bool covered = s.last <= snapshot_;
        findings_.push_back(finding(Finding::Severity::error, "segment", s.name,
                                    fmt::format("{}, at byte {} behind entry {}; {}", what, reader.offset(),
                                                end_.next.value() - 1, at_start(s, reader, covered))));
        // What the snapshot holds already need not be read.
        if (covered) end_.next = expected;
        if (!covered) end_.complete = false;
        return covered;
    }

    // An open one ends where a batch was not finished; that it does is no damage while nothing follows.
    bool open(const OpenSegment& s) {
        auto file = std::make_unique<Mapped>(folder_, s.name);
        if (file->bytes().empty()) return true;
        SegmentReader reader(file->bytes());
        if (!reader.unused()) expect_before_ended();
        if (cut_short_ && !reader.unused()) {
            findings_.push_back(finding(
                Finding::Severity::error, "segment", s.name,
                fmt::format("it follows {}, which ends inside a batch; dqlite sets it aside", cut_file_)));
            end_.complete = false;
            return false;
        }
        if (!entries(reader, s.name)) return false;
        // What a running node is writing just now is whole a moment later.
        const auto may_be_whole = [&] {
            return !reader.fault().empty() && reader.offset() < file->bytes().size();
        };
        for (int again = 0; may_be_whole() && again < k_looks; ++again) {
            std::this_thread::sleep_for(k_moment);
            reader = SegmentReader(file->bytes(), reader.offset());
            if (!entries(reader, s.name)) return false;
        }
        file->expect_whole();
        if (reader.fault().empty()) {
            before_.name = s.name;
            before_.offset = reader.unused() ? sizeof(std::uint64_t) : reader.offset();
            before_.file = std::move(file);
            return true;
        }
        if (reader.offset() >= file->bytes().size()) {
            findings_.push_back(
                finding(Finding::Severity::error, "segment", s.name,
                        fmt::format("{}: no entry of it can be read; dqlite moves it and those behind it "
                                    "away as corrupt-* and goes on without them",
                                    reader.fault())));
            end_.complete = false;
            return false;
        }
        const bool more = find_batch(file->bytes(), reader.offset() + 8) != std::string_view::npos;
        findings_.push_back(
            finding(more ? Finding::Severity::error : Finding::Severity::warning, "segment", s.name,
                    fmt::format("{}, at byte {} behind entry {}; {}", reader.fault(), reader.offset(),
                                end_.next.value() - 1,
                                more ? "whole batches follow, which dqlite drops at its start without a "
                                       "word: copy the directory first"
                                     : "an entry that was being written is lost, as after a power cut")));
        end_.complete = !more;
        cut_short_ = true;
        cut_file_ = s.name;
        return true;
    }

    [[nodiscard]] LogEnd end() const { return end_; }

  private:
    static constexpr int k_looks = 3;
    static constexpr std::chrono::milliseconds k_moment{5};

    // A node may have filled the segment before after it was read, and gone on to this one: then entries are
    // missing between the two.
    void expect_before_ended() const {
        if (!before_.file) return;
        before_.file->expect_whole();
        struct stat st {};
        SegmentReader more(before_.file->bytes(), before_.offset);
        if (more.next() || ::stat(folder_.file(before_.name).c_str(), &st) != 0) throw Vanished{before_.name};
    }
    // What dqlite makes of a damaged closed segment (1.11 tried on each kind of damage).
    [[nodiscard]] std::string at_start(const ClosedSegment& s, const SegmentReader& reader,
                                       bool covered) const {
        const bool last = &s == last_closed_;
        if (last && !reader.cut_short() && !reader.fault().empty()) {
            return fmt::format(
                "when dqlite starts it moves the file away as corrupt-*, and goes on without its entries{}",
                covered ? ", which the snapshot holds" : "");
        }
        return fmt::format(
            "dqlite does not start: \"load closed segment {}: entries batch {} starting at byte {}\"{}",
            s.name, reader.batches() + 1, reader.offset(),
            covered ? "; the snapshot holds its entries: move it and all segments before it out of the "
                      "folder, and dqlite starts"
                    : "");
    }
    bool entries(SegmentReader& reader, const std::string& name) {
        bool more = true;
        while (more && reader.next()) {
            for (const SegmentEntry& e : reader.entries()) {
                more = f_({end_.next, e.term, e.type, e.data, name});
                if (!more) break;
                end_.next = LogIndex(end_.next.value() + 1);
            }
        }
        if (at_file_end_) at_file_end_();
        return more;
    }
    const Folder& folder_;
    const std::function<bool(const LogEntry&)>& f_;
    Findings& findings_;
    const std::function<void()>& at_file_end_;
    LogIndex snapshot_;
    const ClosedSegment* last_closed_;
    // The open segment that was read last.
    struct {
        std::unique_ptr<Mapped> file;
        std::string name;
        std::size_t offset = 0;
    } before_;
    LogEnd end_;
    bool cut_short_ = false;
    std::string cut_file_;
};

}  // namespace

LogPlan plan_log(const Folder& folder, LogIndex snapshot) {
    LogPlan plan;
    plan.snapshot = snapshot;
    plan.first = LogIndex(snapshot.value() + 1);
    std::size_t from = folder.closed.size();
    while (from > 0) {
        const bool follows = from == folder.closed.size() ||
                             folder.closed[from - 1].last.value() + 1 == folder.closed[from].first.value();
        if (!follows) break;
        --from;
    }
    const auto split = folder.closed.begin() + static_cast<std::ptrdiff_t>(from);
    plan.left_out.assign(folder.closed.begin(), split);
    plan.closed.assign(split, folder.closed.end());
    // Open ones follow the newest closed one, as dqlite has it, also where that ends below the snapshot.
    if (!plan.closed.empty()) plan.first = plan.closed.front().first;
    return plan;
}

std::string gap_after(const LogPlan& plan, LogIndex snapshot) {
    if (plan.closed.empty() || plan.first.value() <= snapshot.value() + 1) return {};
    return fmt::format("closed segment {} is past last snapshot {}, as dqlite says at its start",
                       plan.closed.front().name,
                       snapshot.value() == 0 ? "(there is none)" : fmt::format("index {}", snapshot));
}

void tell_left_out(const Folder& folder, const LogPlan& plan, LogIndex snapshot, Findings& findings) {
    if (std::string gap = gap_after(plan, snapshot); !gap.empty()) {
        findings.push_back(finding(Finding::Severity::error, "gap-after-snapshot", plan.closed.front().name,
                                   std::move(gap)));
    }
    for (const ClosedSegment& s : plan.left_out) {
        if (s.last <= snapshot) continue;  // what a snapshot covers may have holes
        findings.push_back(finding(Finding::Severity::error, "log-gap", s.name,
                                   "entries are missing between it and the segment that follows"));
    }
    for (const OtherFile& f : folder.set_aside) {
        findings.push_back(finding(Finding::Severity::warning, "set-aside", f.name,
                                   fmt::format("dqlite moved it away when it started: entries in it are in "
                                               "no database; {} takes what can be read",
                                               command_on(folder.path, "import --salvage -o NEW"))));
    }
}

Finding uncommitted_tail(const Configuration& configuration) {
    return finding(
        Finding::Severity::info, "uncommitted-tail", "raft log",
        fmt::format("with {} voters the last entries may not be committed: which ones are is nowhere on disk",
                    voters(configuration)));
}

LogEnd read_log(const Folder& folder, const LogPlan& plan, const std::function<bool(const LogEntry&)>& f,
                Findings& findings, const std::function<void()>& at_file_end) {
    LogReader reader(folder, plan, f, findings, at_file_end);
    for (const ClosedSegment& s : plan.closed) {
        if (!reader.closed(s)) return reader.end();
    }
    for (const OpenSegment& s : folder.open) {
        if (!reader.open(s)) break;
    }
    return reader.end();
}

}  // namespace kvctl::dqlite
