#include "kvctl/raftlog/jsonl.hpp"

#include <array>
#include <optional>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/json_scanner.hpp"
#include "kvctl/raftlog/paste.hpp"

namespace kvctl::raftlog {
namespace {

constexpr std::string_view k_format = "kvctl.raftlog/1";

enum Name : unsigned {
    k_index,
    k_term,
    k_type,
    k_data,
    k_entry_names_end,
    k_format_name = k_entry_names_end,
    k_hard_state,
    k_snapshot,
    k_names_end
};
constexpr std::array<std::string_view, k_names_end> k_names = {"index",  "term",       "type",    "data",
                                                               "format", "hard_state", "snapshot"};

// One line, decoded. Which of the two it is, `format` tells.
struct Line {
    raft::EntryView entry;
    std::optional<raft::HardState> hard_state;
    std::optional<raft::SnapshotMeta> snapshot;
    bool is_header = false;
};

class LineParser {
  public:
    LineParser(std::string_view line, const std::string& path, std::uint64_t number, std::vector<char>& data)
        : json_(line, path, number), data_(data) {}

    void parse(bool first, Line& out) {
        const std::size_t start = (void(json_.peek()), json_.position());
        each_name([&](std::string_view name, std::size_t where) { take(name, where, out); });
        json_.expect_end();
        out.is_header = has(k_format_name);
        if (out.is_header) {
            if (!first) json_.fail(start, "a header line stands only first");
            if (has(k_index) || has(k_term)) json_.fail(start, "both a header line and an entry");
            return;
        }
        for (const Name name : {k_index, k_term}) {
            if (!has(name)) json_.fail(start, fmt::format("an entry without \"{}\"", k_names[name]));
        }
    }

  private:
    [[nodiscard]] bool has(Name name) const noexcept { return (seen_ >> name & 1U) != 0; }

    // Calls `f` behind each name's colon; `f` takes the value.
    template <class F>
    void each_name(const F& f) {
        json_.expect('{');
        if (json_.accept('}')) return;
        do {
            (void)json_.peek();
            const std::size_t where = json_.position();
            const std::string_view name = json_.string(scratch_);
            json_.expect(':');
            f(name, where);
        } while (json_.accept(','));
        json_.expect('}');
    }

    void duplicate(std::size_t where) { json_.fail(where, "a name stands twice in one object"); }

    void take(std::string_view name, std::size_t where, Line& out) {
        unsigned i = 0;
        while (i < k_names_end && !same_name(name, k_names[i])) ++i;
        if (i == k_names_end) {
            if (!others_.insert(name)) duplicate(where);
            json_.skip_value();
            return;
        }
        if ((seen_ >> i & 1U) != 0) duplicate(where);
        seen_ |= 1U << i;
        switch (i) {
            case k_index:
                out.entry.index = LogIndex{json_.unsigned_integer()};
                break;
            case k_term:
                out.entry.term = Term{json_.unsigned_integer()};
                break;
            case k_type:
                take_type(out.entry.type);
                break;
            case k_data:
                take_data(out.entry);
                break;
            case k_format_name:
                take_format();
                break;
            case k_hard_state:
                take_hard_state(out.hard_state);
                break;
            default:
                take_snapshot(out.snapshot);
                break;
        }
    }

    void take_type(raft::EntryType& type) {
        const bool quoted = json_.peek() == '"';
        const std::size_t where = json_.position();
        std::optional<raft::EntryType> found;
        if (quoted) {
            const std::string_view name = json_.string(scratch_);
            found = raft::entry_type(name);
            if (!found && name.size() == 1 && name[0] >= '0') {
                found = raft::entry_type(static_cast<std::uint64_t>(name[0] - '0'));
            }
        } else {
            found = raft::entry_type(json_.unsigned_integer());
        }
        if (!found) json_.fail(where, "an unknown entry type");
        type = *found;
    }

    void take_data(raft::EntryView& entry) {
        if (json_.accept_null()) return;
        json_.base64(data_);
        entry.data = {data_.data(), data_.size()};
        entry.data_present = true;
    }

    void take_format() {
        (void)json_.peek();
        const std::size_t where = json_.position();
        if (json_.string(scratch_) != k_format) {
            json_.fail(where, "an unknown format; this version reads " + std::string(k_format));
        }
    }

    // An object of unsigned integers; what has no name in `names` is skipped.
    template <std::size_t N>
    bool take_numbers(const std::array<std::string_view, N>& names, std::array<std::uint64_t, N>& values) {
        if (json_.accept_null()) return false;
        std::array<bool, N> seen{};
        NameSet others;
        each_name([&](std::string_view name, std::size_t where) {
            std::size_t i = 0;
            while (i < N && !same_name(name, names[i])) ++i;
            if (i == N ? !others.insert(name) : seen[i]) duplicate(where);
            if (i == N) return json_.skip_value();
            seen[i] = true;
            values[i] = json_.unsigned_integer();
        });
        return true;
    }

    void take_hard_state(std::optional<raft::HardState>& out) {
        static constexpr std::array<std::string_view, 3> k_fields = {"term", "vote", "commit"};
        std::array<std::uint64_t, 3> v{};
        if (take_numbers(k_fields, v)) out = raft::HardState{Term{v[0]}, v[1], LogIndex{v[2]}};
    }

    void take_snapshot(std::optional<raft::SnapshotMeta>& out) {
        static constexpr std::array<std::string_view, 2> k_fields = {"index", "term"};
        std::array<std::uint64_t, 2> v{};
        if (take_numbers(k_fields, v)) out = raft::SnapshotMeta{LogIndex{v[0]}, Term{v[1]}};
    }

    JsonScanner json_;
    std::vector<char>& data_;
    std::string scratch_;
    NameSet others_;
    unsigned seen_ = 0;
};

bool blank(std::string_view line) noexcept {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

class JsonLines final : public Source {
  public:
    explicit JsonLines(FileReader file) : lines_(std::move(file)) {
        header_.kind = SourceKind::jsonl;
        header_.path = lines_.file().path();
        Line line;
        bool more = read(line);
        if (more && line.is_header) {
            header_.hard_state = line.hard_state;
            if (line.snapshot) {
                header_.snapshot = {line.snapshot->index, line.snapshot->term};
                header_.snapshot_stored = true;
            }
            if (!header_.snapshot_stored) more = read(line);
        }
        if (!header_.snapshot_stored) {
            const std::uint64_t first = more ? line.entry.index.value() : 1;
            header_.snapshot.index = LogIndex{first == 0 ? 0 : first - 1};
            if (first <= 1) header_.snapshot.term = Term{0};
        }
        if (header_.snapshot.index == LogIndex{0}) header_.members.emplace();
    }

    [[nodiscard]] const Header& header() const override { return header_; }
    [[nodiscard]] Findings findings() const override { return {}; }

    void each(Want /*want*/, const std::function<bool(const Item&)>& f) override {
        lines_.rewind();
        seen_line_ = false;
        Line line;
        while (read(line)) {
            if ((lines_.line_number() & 1023) == 0) check_interrupt();
            if (line.is_header) continue;
            Item item;
            item.facts = {line.entry.index, line.entry.term, line.entry.type, raft::classify(line.entry),
                          raft::encoded_size(line.entry)};
            item.data = line.entry.data;
            item.data_present = line.entry.data_present;
            if (!f(item)) return;
        }
    }

  private:
    bool read(Line& out) {
        std::string_view text;
        do {
            if (!lines_.next(text)) return false;
        } while (blank(text) || is_foreign_line(text));
        out = Line{};
        LineParser(text, header_.path, lines_.line_number(), data_)
            .parse(!std::exchange(seen_line_, true), out);
        return true;
    }

    Header header_;
    LineReader lines_;
    std::vector<char> data_;
    bool seen_line_ = false;
};

}  // namespace

std::unique_ptr<Source> open_jsonl(FileReader file) {
    return std::make_unique<JsonLines>(std::move(file));
}

}  // namespace kvctl::raftlog
