#include "kvctl/dqlite/log.hpp"

#include "kvctl/dqlite/mapped.hpp"

namespace kvctl::dqlite {
namespace {

Finding finding(Finding::Severity severity, const char* code, const std::string& where, std::string what) {
    return {severity, code, where, std::move(what)};
}

std::string number(std::uint64_t n) {
    return std::to_string(n);
}

class LogReader {
  public:
    LogReader(const Folder& folder, LogIndex first, const std::function<bool(const LogEntry&)>& f,
              Findings& findings)
        : folder_(folder), f_(f), findings_(findings) {
        end_.next = first;
    }

    // False: the log ends here.
    bool closed(const ClosedSegment& s) {
        const Mapped file(folder_, s.name);
        SegmentReader reader(file.bytes());
        if (!entries(reader, s.name)) return false;
        const LogIndex expected(s.last.value() + 1);
        if (reader.fault().empty() && end_.next == expected && reader.offset() == file.bytes().size())
            return true;
        std::string what = reader.fault();
        if (what.empty()) {
            what = end_.next == expected ? "bytes follow the last entry"
                                         : "it holds entries up to " + number(end_.next.value() - 1) +
                                               ", its name says " + number(s.last.value());
        }
        findings_.push_back(finding(Finding::Severity::error, "segment", s.name,
                                    what + ", at byte " + number(reader.offset()) + " behind entry " +
                                        number(end_.next.value() - 1) + "; dqlite does not start on it"));
        end_.complete = false;
        return false;
    }

    // An open one ends where a batch was not finished; that it does is no damage while nothing follows.
    bool open(const OpenSegment& s) {
        const Mapped file(folder_, s.name);
        if (file.bytes().empty()) return true;
        SegmentReader reader(file.bytes());
        if (cut_short_ && !reader.unused()) {
            findings_.push_back(
                finding(Finding::Severity::error, "segment", s.name,
                        "it follows " + cut_file_ + ", which ends inside a batch; dqlite sets it aside"));
            end_.complete = false;
            return false;
        }
        if (!entries(reader, s.name)) return false;
        if (reader.fault().empty()) return true;
        const bool more = find_batch(file.bytes(), reader.offset() + 8) != std::string_view::npos;
        findings_.push_back(
            finding(more ? Finding::Severity::error : Finding::Severity::warning, "segment", s.name,
                    reader.fault() + ", at byte " + number(reader.offset()) + " behind entry " +
                        number(end_.next.value() - 1) +
                        (more ? "; whole batches follow, which dqlite sets aside without a word"
                              : "; an entry that was being written is lost, as after a power cut")));
        end_.complete = !more;
        cut_short_ = true;
        cut_file_ = s.name;
        return true;
    }

    [[nodiscard]] LogEnd end() const { return end_; }

  private:
    bool entries(SegmentReader& reader, const std::string& name) {
        while (reader.next()) {
            for (const SegmentEntry& e : reader.entries()) {
                if (!f_({end_.next, e.term, e.type, e.data, name})) return false;
                end_.next = LogIndex(end_.next.value() + 1);
            }
        }
        return true;
    }
    const Folder& folder_;
    const std::function<bool(const LogEntry&)>& f_;
    Findings& findings_;
    LogEnd end_;
    bool cut_short_ = false;
    std::string cut_file_;
};

}  // namespace

LogPlan plan_log(const Folder& folder, LogIndex snapshot) {
    LogPlan plan;
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
    // Segments that end before the snapshot say nothing of where the open ones begin: behind the snapshot.
    if (!plan.closed.empty()) plan.first = plan.closed.front().first;
    return plan;
}

LogEnd read_log(const Folder& folder, const LogPlan& plan, const std::function<bool(const LogEntry&)>& f,
                Findings& findings) {
    LogReader reader(folder, plan.first, f, findings);
    for (const ClosedSegment& s : plan.closed) {
        if (!reader.closed(s)) return reader.end();
    }
    for (const OpenSegment& s : folder.open) {
        if (!reader.open(s)) break;
    }
    return reader.end();
}

}  // namespace kvctl::dqlite
