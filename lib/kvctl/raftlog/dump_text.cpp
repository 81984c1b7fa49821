#include "kvctl/raftlog/dump_text.hpp"

#include <algorithm>
#include <optional>

#include "kvctl/base/error.hpp"
#include "kvctl/base/finding.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/raftlog/dump_lex.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/paste.hpp"

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;
constexpr std::size_t k_trailer_room = 4096;

struct Trailer {
    bool present = false;
    bool filtered = false;
    std::uint64_t count = 0;
};

// "Entry types (FILTER) count is : N"
bool parse_trailer(std::string_view line, Trailer& out) noexcept {
    if (!take_word(line, "Entry types (")) return false;
    const std::size_t close = line.find(") count is : ");
    if (close == std::string_view::npos) return false;
    std::string_view filter = line.substr(0, close);
    line.remove_prefix(close + std::string_view(") count is : ").size());
    if (!take_number(line, out.count) || !line.empty()) return false;
    // Only a filter that names both types lets everything through.
    bool normal = false;
    bool conf = false;
    for (std::string_view rest = filter; !rest.empty();) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        normal = normal || rest.substr(0, comma) == "Normal";
        conf = conf || rest.substr(0, comma) == "ConfigChange";
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    out.filtered = !filter.empty() && !(normal && conf);
    out.present = true;
    return true;
}

bool is_columns(std::string_view line) noexcept {
    for (const std::string_view title : {"term", "index", "type", "data"}) {
        if (take_token(line) != title) return false;
    }
    return true;
}

// One printed entry. False when the line is none.
bool parse_entry(std::string_view line, Item& out) noexcept {
    std::uint64_t term = 0;
    std::uint64_t index = 0;
    // Whoever pastes a terminal's content has blanks where the tabs were.
    std::string_view first = take_token(line);
    std::string_view second = take_token(line);
    if (!take_number(first, term) || !first.empty() || !take_number(second, index) || !second.empty())
        return false;
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view type = line.substr(0, end);
    if (type != "norm" && type != "conf") return false;
    out.text = line.substr(std::min(end + 1, line.size()));
    out.facts.index = LogIndex{index};
    out.facts.term = Term{term};
    out.facts.type = type == "conf" ? raft::EntryType::conf_change : raft::EntryType::normal;
    out.facts.request = kind_of_printed(type, out.text);
    out.facts.bytes = std::nullopt;
    return true;
}

class DumpText final : public Source {
  public:
    explicit DumpText(FileReader file) : lines_(std::move(file)) {
        header_.kind = SourceKind::dump_text;
        header_.path = lines_.file().path();
        header_.has_data = false;
        read_trailer();
        read_preamble();
    }

    [[nodiscard]] const Header& header() const override { return header_; }
    [[nodiscard]] Findings findings() const override { return findings_.take(); }

    void each(Want /*want*/, const std::function<bool(const Item&)>& f) override {
        findings_ = preamble_findings_;
        lines_.seek(body_offset_);
        std::string_view line;
        std::uint64_t count = 0;
        std::uint64_t last = 0;
        bool trailer_seen = false;
        while (lines_.next(line)) {
            if ((lines_.line_number() & 1023) == 0) check_interrupt();
            Item item;
            if (parse_entry(line, item)) {
                ++count;
                last = item.facts.index.value();
                if (!f(item)) return;
                continue;
            }
            Trailer trailer;
            if (trimmed(line).empty()) continue;
            if (parse_trailer(trimmed(line), trailer)) {
                trailer_seen = true;
                continue;
            }
            if (pass_over(line, lines_.line_number() + preamble_lines_, findings_)) continue;
            findings_.add({Severity::error, "undecodable-line",
                           fmt::format("{}, line {}", header_.path, lines_.line_number() + preamble_lines_),
                           "the line is no entry"});
        }
        if (trailer_seen && trailer_.present && trailer_.count != count) {
            findings_.add({Severity::error, "count-mismatch", header_.path,
                           fmt::format("the dump says it has {} entries, and {} are there",
                                       group_digits(trailer_.count), group_digits(count))});
        }
        if (!trailer_.present && last_index_ && last < *last_index_) {
            findings_.add(
                {Severity::warning, "torn-tail", header_.path,
                 fmt::format("the dump ends at index {} and without its last line; it began as one up to {}",
                             last, *last_index_)});
        }
    }

  private:
    void read_trailer() {
        FileReader& file = lines_.file();
        const std::uint64_t from = file.size() < k_trailer_room ? 0 : file.size() - k_trailer_room;
        std::string_view tail = file.view(from, k_trailer_room);
        // A pasted text may go on behind it.
        while (!tail.empty() && !trailer_.present) {
            const std::size_t start = tail.rfind('\n') + 1;  // 0 without one
            std::string_view line = tail.substr(start);
            if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
            parse_trailer(trimmed(line), trailer_);
            tail = tail.substr(0, start == 0 ? 0 : start - 1);
        }
        header_.filtered = trailer_.filtered;
    }

    // Whether a line is none of the dump's.
    bool pass_over(std::string_view line, std::uint64_t number, FindingLog& findings) const {
        if (!is_foreign_line(line)) return false;
        findings.add({Severity::info, "foreign-line", fmt::format("{}, line {}", header_.path, number),
                      "a line that is not the dump's is passed over"});
        return true;
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: line {}: {}", header_.path, lines_.line_number(), what));
    }

    void read_preamble() {
        std::string_view line;
        bool from_index = false;
        while (lines_.next(line)) {
            Item first;
            const bool entry = parse_entry(line, first);
            if (entry || is_columns(line)) {
                // Only the entries may have been copied.
                body_offset_ = entry ? lines_.offset() : lines_.next_offset();
                preamble_lines_ = lines_.line_number() - (entry ? 1 : 0);
                if (entry) lines_.seek(body_offset_);
                if (!header_.snapshot_stored) guess_snapshot(from_index);
                return;
            }
            line = trimmed(line);
            if (line.empty() || line == "Snapshot:" || line == "WAL metadata:") continue;
            if (line == "empty") {
                header_.snapshot = {LogIndex{0}, Term{0}};
                header_.snapshot_stored = true;
            } else if (take_word(line, "term=")) {
                take_snapshot(line);
            } else if (take_word(line, "nodeID=")) {
                take_metadata(line);
            } else if (take_word(line, "lastIndex=")) {
                std::uint64_t last = 0;
                if (!take_number(line, last)) fail("lastIndex has no number");
                last_index_ = last;
            } else if (take_word(line, "Start dumping log entries from ") ||
                       take_word(line, "Start dupmping log entries from ")) {
                from_index = take_word(line, "index ");
            } else if (take_word(line, "WAL entries:")) {
                continue;
            } else if (!pass_over(line, lines_.line_number(), preamble_findings_)) {
                preamble_findings_.add({Severity::warning, "unknown-line",
                                        fmt::format("{}, line {}", header_.path, lines_.line_number()),
                                        "a line of the preamble that this version does not know"});
            }
        }
        fail("the dump ends before its column titles");
    }

    void take_snapshot(std::string_view rest) {
        std::uint64_t term = 0;
        std::uint64_t index = 0;
        if (!take_number(rest, term) || !take_word(rest, " index=") || !take_number(rest, index)) {
            fail("expected term=N index=N");
        }
        header_.snapshot = {LogIndex{index}, Term{term}};
        header_.snapshot_stored = true;
    }

    void take_metadata(std::string_view rest) {
        std::uint64_t node = 0;
        std::uint64_t cluster = 0;
        std::uint64_t term = 0;
        std::uint64_t commit = 0;
        std::uint64_t vote = 0;
        if (!take_number(rest, node, 16) || !take_word(rest, " clusterID=") ||
            !take_number(rest, cluster, 16) || !take_word(rest, " term=") || !take_number(rest, term) ||
            !take_word(rest, " commitIndex=") || !take_number(rest, commit) || !take_word(rest, " vote=") ||
            !take_number(rest, vote, 16)) {
            fail("expected nodeID, clusterID, term, commitIndex and vote");
        }
        header_.node_id = node;
        header_.cluster_id = cluster;
        header_.hard_state = raft::HardState{Term{term}, vote, LogIndex{commit}};
    }

    // A dump "from index N" does not say what stood before its first entry.
    void guess_snapshot(bool from_index) {
        std::string_view line;
        Item first;
        const bool found = lines_.next(line) && parse_entry(line, first);
        const std::uint64_t index = found ? first.facts.index.value() : 1;
        header_.snapshot.index = LogIndex{index == 0 ? 0 : index - 1};
        header_.snapshot.term = index <= 1 && !from_index ? std::optional(Term{0}) : std::nullopt;
    }

    Header header_;
    LineReader lines_;
    Trailer trailer_;
    std::optional<std::uint64_t> last_index_;
    std::uint64_t body_offset_ = 0;
    std::uint64_t preamble_lines_ = 0;
    FindingLog preamble_findings_;
    FindingLog findings_;
};

}  // namespace

raft::RequestKind kind_of_printed(std::string_view type, std::string_view text) noexcept {
    using raft::RequestKind;
    const bool undecodable = text.substr(0, 3) == "???";
    if (undecodable) return RequestKind::undecodable;
    if (type == "conf") return RequestKind::conf_change;
    skip_spaces(text);
    // With a decoder, its status and output follow in further columns.
    if (text.empty() || text[0] == '\t') return RequestKind::empty;
    if (text.substr(0, 4) == "noop" || text.substr(0, 7) == "method=" || text.substr(0, 10) == "v2 request") {
        return RequestKind::v2;
    }
    while (!text.empty() && text[0] != '\t') {
        const std::size_t n = text.find_first_of(":{< \t");
        if (n == std::string_view::npos || n == 0) return RequestKind::undecodable;
        const std::string_view name = text.substr(0, n);
        if (name != "header" && name != "ID") {
            if (const auto kind = raft::request_kind(name); kind && *kind != RequestKind::empty) return *kind;
        }
        text.remove_prefix(n);
        take_word(text, ":");
        skip_spaces(text);
        if (!skip_value(text)) return RequestKind::undecodable;
        skip_spaces(text);
    }
    return RequestKind::unknown;
}

DumpForm dump_form(std::string_view line) noexcept {
    const std::string_view head = trimmed(line);
    const auto begins = [&](std::string_view word) { return head.substr(0, word.size()) == word; };
    if (head == "Snapshot:" || is_columns(head)) return DumpForm::text;
    Item item;
    if (parse_entry(head, item)) return DumpForm::text;
    for (const std::string_view word :
         {"Start dumping log entries from ", "Start dupmping log entries from ", "WAL metadata:"}) {
        if (begins(word)) return DumpForm::text;
    }
    for (const std::string_view word : {"CRC: ", "Metadata: ", "Entry: ", "HardState: ", "Snapshot: "}) {
        if (begins(word)) return DumpForm::raw;
    }
    return DumpForm::none;
}

std::unique_ptr<Source> open_dump_text(FileReader file) {
    return std::make_unique<DumpText>(std::move(file));
}

}  // namespace kvctl::raftlog
