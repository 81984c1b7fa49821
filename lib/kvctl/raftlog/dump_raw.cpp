#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/finding.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raftlog/dump_lex.hpp"
#include "kvctl/raftlog/dump_text.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/paste.hpp"
#include "kvctl/raftlog/resolver.hpp"

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;

// Fields in protobuf text ("Name:number Name:number "): numbers by name, everything else is skipped.
template <std::size_t N>
bool parse_numbers(std::string_view text, const std::array<std::string_view, N>& names,
                   std::array<std::uint64_t, N>& values) noexcept {
    skip_spaces(text);
    while (!text.empty()) {
        const std::size_t n = text.find_first_of(":<{ ");
        if (n == std::string_view::npos || n == 0) return false;
        const std::string_view name = text.substr(0, n);
        text.remove_prefix(n);
        take_word(text, ":");
        skip_spaces(text);
        bool known = false;
        for (std::size_t i = 0; i < N; ++i) {
            if (name != names[i]) continue;
            if (!take_number(text, values[i])) return false;
            known = true;
        }
        if (!known && !skip_value(text)) return false;
        skip_spaces(text);
    }
    return true;
}

// "Term:N Index:N Type:EntryConfChange Data:"…"", absent fields zero. `data` keeps the entry's data.
bool parse_entry(std::string_view text, raft::EntryView& out, std::string& data) {
    out = {};
    data.clear();
    skip_spaces(text);
    while (!text.empty()) {
        const std::size_t n = text.find_first_of(": ");
        if (n == std::string_view::npos || n == 0) return false;
        const std::string_view name = text.substr(0, n);
        text.remove_prefix(n);
        take_word(text, ":");
        skip_spaces(text);
        std::uint64_t number = 0;
        if (name == "Term") {
            if (!take_number(text, number)) return false;
            out.term = Term{number};
        } else if (name == "Index") {
            if (!take_number(text, number)) return false;
            out.index = LogIndex{number};
        } else if (name == "Type") {
            std::optional<raft::EntryType> type;
            if (take_number(text, number)) {
                type = raft::entry_type(number);
            } else {
                const std::string_view word = text.substr(0, text.find(' '));
                type = raft::entry_type(word);
                text.remove_prefix(word.size());
            }
            if (!type) return false;
            out.type = *type;
        } else if (name == "Data") {
            data.clear();
            if (!take_quoted(text, data)) return false;
            out.data_present = true;
        } else if (!skip_value(text)) {
            return false;
        }
        skip_spaces(text);
    }
    out.data = data;
    return true;
}

class DumpRaw final : public Source {
  public:
    explicit DumpRaw(FileReader file) : lines_(std::move(file)) {
        const std::string path = lines_.file().path();
        header_.kind = SourceKind::dump_raw;
        header_.path = path;
        Resolver resolver(findings_);
        std::string_view line;
        while (lines_.next(line)) {
            if ((lines_.line_number() & 1023) == 0) check_interrupt();
            line = trimmed(line);
            if (ended_ || line.empty() || take(line, resolver)) continue;
            if (is_foreign_line(line)) {
                findings_.add({Severity::info, "foreign-line",
                               fmt::format("{}, line {}", path, lines_.line_number()),
                               "a line that is not the dump's is passed over"});
            } else {
                findings_.add({Severity::error, "undecodable-line",
                               fmt::format("{}, line {}", path, lines_.line_number()),
                               "the line is no record of a raw dump"});
            }
        }
        if (!ended_) {
            findings_.add({Severity::warning, "torn-tail", path, "the dump lacks its last line"});
        }
        warn_of_ghosts(resolver);
        slots_ = resolver.finish(header_);
        // A dump made from some index on begins without the records before it.
        if (!saw_snapshot_) header_.expect_snapshot_record = false;
    }

    [[nodiscard]] const Header& header() const override { return header_; }
    [[nodiscard]] Findings findings() const override { return findings_.take(); }

    void each(Want want, const std::function<bool(const Item&)>& f) override {
        lines_.rewind();
        std::uint64_t n = 0;
        for (const Slot& slot : slots_) {
            if ((++n & 1023) == 0) check_interrupt();
            Item item;
            item.facts = {slot.index(), slot.term(), slot.type(), slot.request(), slot.bytes()};
            if (want == Want::data || slot.type() != raft::EntryType::normal) reread(slot, item);
            if (!f(item)) return;
        }
    }

  private:
    void reread(const Slot& slot, Item& item) {
        const std::uint64_t offset = slot.at().offset;
        if (lines_.next_offset() > offset) lines_.seek(offset);
        std::string_view line;
        raft::EntryView entry;
        do {
            if (!lines_.next(line)) break;
        } while (lines_.offset() < offset);
        line = trimmed(line);
        if (!take_word(line, "Entry:") || !parse_entry(line, entry, data_) || entry.index != slot.index()) {
            throw Error(ErrorKind::io, header_.path + ": changed while it was read");
        }
        item.data = entry.data;
        item.data_present = entry.data_present;
    }

    bool take(std::string_view line, Resolver& resolver) {
        std::uint64_t number = 0;
        if (take_word(line, "Entry:")) {
            raft::EntryView entry;
            if (!parse_entry(line, entry, data_)) return false;
            const std::uint64_t size = raft::encoded_size(entry);
            if (size > std::numeric_limits<std::uint32_t>::max()) return false;
            resolver.entry({entry, {lines_.offset(), static_cast<std::uint32_t>(size), segment_}},
                           header_.path);
            last_entry_ = entry.index;
            return true;
        }
        if (take_word(line, "HardState:")) {
            std::array<std::uint64_t, 3> v{};
            if (!parse_numbers(line, std::array<std::string_view, 3>{"term", "vote", "commit"}, v))
                return false;
            resolver.hard_state({Term{v[0]}, v[1], LogIndex{v[2]}});
            return true;
        }
        if (take_word(line, "Snapshot:")) {
            std::array<std::uint64_t, 2> v{};
            if (!parse_numbers(line, std::array<std::string_view, 2>{"index", "term"}, v)) return false;
            resolver.snapshot({{LogIndex{v[0]}, Term{v[1]}}, std::nullopt}, {lines_.offset(), 0, 0},
                              header_.path);
            saw_snapshot_ = true;
            return true;
        }
        if (take_word(line, "Metadata:")) {
            std::array<std::uint64_t, 2> v{};
            if (!parse_numbers(line, std::array<std::string_view, 2>{"NodeID", "ClusterID"}, v)) return false;
            header_.node_id = v[0];
            header_.cluster_id = v[1];
            return true;
        }
        if (take_word(line, "CRC: ")) {
            if (!take_number(line, number) || !line.empty()) return false;
            begin_segment();
            return true;
        }
        if (take_word(line, "EOF:")) {
            ended_ = true;
            return true;
        }
        if (take_word(line, "ErrUnexpectedEOF: ")) {
            ended_ = true;
            findings_.add({Severity::warning, "torn-tail", header_.path,
                           "the dumped journal's last record was not written completely"});
            return true;
        }
        return false;
    }

    // Each segment begins with the checksum so far, and is named after the index that follows its last entry.
    void begin_segment() {
        if (segment_ == std::numeric_limits<std::uint16_t>::max()) return;
        if (last_entry_) ++segment_;
        first_indexes_.resize(segment_ + std::size_t{1}, last_entry_ ? last_entry_->value() + 1 : 0);
    }

    // A server reads from the last segment on that begins at or below its snapshot.
    void warn_of_ghosts(const Resolver& resolver) {
        const std::vector<raft::WalSnapshot> usable = resolver.usable_snapshots();
        if (usable.empty()) return;
        const LogIndex start =
            std::max_element(usable.begin(), usable.end(), [](const auto& a, const auto& b) {
                return a.meta.index < b.meta.index;
            })->meta.index;
        std::uint16_t segment = 0;
        for (std::size_t i = 0; i < first_indexes_.size(); ++i) {
            if (first_indexes_[i] <= start.value()) segment = static_cast<std::uint16_t>(i);
        }
        resolver.warn_of_ghosts(start, segment, [&](std::uint16_t) { return header_.path; });
    }

    Header header_;
    LineReader lines_;
    FindingLog findings_;
    Slots slots_;
    std::string data_;
    std::uint16_t segment_ = 0;                 ///< of the journal that was dumped
    std::vector<std::uint64_t> first_indexes_;  ///< of the segments
    std::optional<LogIndex> last_entry_;        ///< as written, not the largest
    bool ended_ = false;
    bool saw_snapshot_ = false;
};

}  // namespace

std::unique_ptr<Source> open_dump_raw(FileReader file) {
    return std::make_unique<DumpRaw>(std::move(file));
}

}  // namespace kvctl::raftlog
