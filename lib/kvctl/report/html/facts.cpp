#include "kvctl/report/html/sections.hpp"

#include <algorithm>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::report::html {
namespace {

constexpr std::size_t k_most_findings = 200;

}  // namespace

void write_findings(std::ostream& out, const StoreReport& r) {
    open_section(out, "findings", "Findings");
    const Findings& all = r.check.findings;
    if (all.empty()) {
        out << "<p>None: the file's structure, the rules of its layout and the raft log that lies with it "
               "hold.</p>\n";
    } else {
        Rows rows;
        for (std::size_t i = 0; i < std::min(all.size(), k_most_findings); ++i) {
            const Finding& f = all[i];
            rows.push_back({word_of(f.severity), f.code, shortened(f.where, k_key_shown),
                            shortened(f.what, k_said_shown)});
        }
        write_table(out, "t-findings",
                    all.size() > k_most_findings
                        ? fmt::format("What a check found, the first {} of {}", k_most_findings, all.size())
                        : "What a check found",
                    {{"severity"}, {"code", Kind::code}, {"where", Kind::code}, {"what"}}, rows);
    }
    if (!r.warnings.empty()) {
        out << "<h3 id=\"warnings\">Warnings</h3><ul>\n";
        for (std::size_t i = 0; i < std::min(r.warnings.size(), k_most_findings); ++i)
            out << "<li>" << text(shortened(r.warnings[i], k_said_shown)) << "</li>\n";
        out << "</ul>\n";
    }
    if (!r.status.hints.empty()) {
        out << "<h3 id=\"hints\">Hints</h3><ul>\n";
        for (const Hint& h : r.status.hints)
            out << "<li>" << text(shortened(h.text, k_said_shown)) << "</li>\n";
        out << "</ul>\n";
    }
    out << "</section>\n";
}

void write_facts(std::ostream& out, const StoreReport& r) {
    open_section(out, "store", "The store");
    const StatusReport& s = r.status;
    Rows rows{{"layout", s.store.layout},
              {"file", format_bytes_exact(s.store.file_bytes)},
              {"page size", format_bytes(s.store.page_size)},
              {"current revision", group_digits(s.current)},
              {"compact revision", s.compacted < 0 ? "never compacted" : group_digits(s.compacted)},
              {"oldest revision stored", s.oldest ? group_digits(*s.oldest) : "none"},
              {"revisions", group_digits(s.revisions)},
              {"tombstones", group_digits(s.tombstones)},
              {"keys", fmt::format("{}, {} live", group_digits(s.keys), group_digits(s.live_keys))},
              {"leases", group_digits(s.leases)}};
    if (s.gaps.value_or(0) > 0) rows.push_back({"gap rows", group_digits(*s.gaps)});
    if (!s.journal_mode.empty()) rows.push_back({"journal mode", s.journal_mode});
    if (s.wal_bytes > 0) rows.push_back({"-wal beside it", format_bytes(s.wal_bytes)});
    if (s.pending) rows.push_back({"pending", shortened(s.pending_text, k_said_shown)});
    if (s.raft_log) {
        const raft::Layout& log = s.raft_log->before;
        rows.push_back({"raft log", fmt::format("{}{}", many(log.entries, "entry"),
                                                log.bytes ? ", " + format_bytes(*log.bytes) : "")});
    }
    if (s.etcd) {
        std::string alarms;
        for (const EtcdStatus::Alarm& a : s.etcd->alarms) alarms += (alarms.empty() ? "" : ", ") + a.type;
        rows.push_back({"alarms", alarms.empty() ? "none" : alarms});
        rows.push_back({"members", group_digits(static_cast<std::uint64_t>(s.etcd->members.size()))});
    }
    std::string holders;
    for (std::size_t i = 0; i < std::min<std::size_t>(s.in_use_by.size(), 5); ++i)
        holders += fmt::format("{}{} ({})", holders.empty() ? "" : ", ", s.in_use_by[i].second,
                               s.in_use_by[i].first);
    rows.push_back({"open in", holders.empty() ? "no process that could be seen" : holders});
    write_table(out, "t-store", "Facts", {{"what"}, {""}}, rows);
    out << "</section>\n";
}

}  // namespace kvctl::report::html
