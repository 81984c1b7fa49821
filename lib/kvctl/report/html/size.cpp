#include "kvctl/report/html/sections.hpp"

#include <algorithm>
#include <optional>

#include "kvctl/base/format.hpp"
#include "kvctl/report/html/charts.hpp"

namespace kvctl::report::html {
namespace {

struct Size {
    std::uint64_t live = 0;
    std::uint64_t history = 0;
    std::uint64_t index = 0;  ///< whatever is not keys and values
    std::uint64_t free = 0;
    [[nodiscard]] std::uint64_t all() const { return live + history + index + free; }
    [[nodiscard]] std::vector<Part> parts() const {
        return {{"live", live}, {"history", history}, {"index", index}, {"free", free}};
    }
};

Size size_of(std::uint64_t file, std::uint64_t data, std::uint64_t live, std::uint64_t free) {
    Size s;
    s.live = std::min(live, data);
    s.history = data - s.live;
    s.free = std::min(free, file);
    s.index = file - std::min(file, data + s.free);
    return s;
}

}  // namespace

void write_size(std::ostream& out, const StoreReport& r) {
    open_section(out, "size", "Before and after");
    const StatusReport& s = r.status;
    const std::uint64_t data = s.live_bytes + s.history_bytes + s.tombstone_bytes;
    // What a -wal holds is in the file once it is moved there.
    const std::uint64_t parts = data + s.index_bytes + s.other_bytes + s.overhead_bytes + s.free_bytes;
    const bool moved_in = s.wal_bytes > 0 && parts > s.store.file_bytes;
    const Size now = size_of(std::max(s.store.file_bytes, parts), data, s.live_bytes, s.free_bytes);
    std::optional<Size> after;
    if (r.forecast && r.forecast->file_after) {
        const std::uint64_t kept = r.forecast->kept.bytes;
        after = size_of(std::max(*r.forecast->file_after, kept), kept, s.live_bytes, 0);
        if (r.forecast->nothing_to_do && after->all() == now.all()) after.reset();
    }
    const std::uint64_t whole = std::max(now.all(), after ? after->all() : 0);
    out << "<div class=\"pair\"><div>\n";
    write_figure(out, (moved_in ? "Now, its -wal moved in: " : "Now: ") + format_bytes(now.all()),
                 [&] { write_bar(out, "The file now, by what is in it", now.parts(), whole); });
    if (after) {
        write_figure(
            out,
            (r.forecast->nothing_to_do ? "Once free space is given back: " : "After the compaction: ") +
                format_bytes(after->all()),
            [&] {
                write_bar(out, "The file after the compaction, by what is in it", after->parts(), whole);
            });
    }
    write_legend(
        out, {{"live", "live"}, {"history", "history"}, {"index", "indexes and overhead"}, {"free", "free"}});
    out << "</div><div>\n";
    const auto row = [&](const char* name, std::uint64_t Size::*part) {
        std::vector<std::string> cells{name, format_bytes(now.*part)};
        if (after) {
            cells.push_back(format_bytes((*after).*part));
            const std::uint64_t from = now.*part;
            const std::uint64_t to = (*after).*part;
            cells.push_back(
                from == to ? "" : (from > to ? "−" : "+") + format_bytes(from > to ? from - to : to - from));
        }
        return cells;
    };
    Rows rows{row("live", &Size::live), row("history", &Size::history),
              row("indexes and overhead", &Size::index), row("free", &Size::free)};
    std::vector<std::string> total{"file", format_bytes(now.all())};
    std::vector<Column> columns{{"part"}, {"now", Kind::number}};
    if (after) {
        columns.push_back({"after", Kind::number});
        columns.push_back({"difference", Kind::number});
        total.push_back(format_bytes(after->all()));
        total.push_back(now.all() == after->all() ? ""
                                                  : (now.all() > after->all() ? "−" : "+") +
                                                        format_bytes(std::max(now.all(), after->all()) -
                                                                     std::min(now.all(), after->all())));
    }
    rows.push_back(total);
    write_table(out, "t-size", "Bytes of the file, by what is in it", columns, rows);
    if (r.forecast && !r.forecast->nothing_to_do) {
        const Forecast& f = *r.forecast;
        const auto counts = [](const char* name, std::uint64_t before, std::uint64_t removed,
                               std::uint64_t kept) {
            return std::vector<std::string>{name, group_digits(before), group_digits(removed),
                                            group_digits(kept)};
        };
        write_table(out, "t-counts",
                    fmt::format("What a compaction at revision {} would remove", group_digits(f.target)),
                    {{""}, {"before", Kind::number}, {"freed", Kind::number}, {"kept", Kind::number}},
                    {counts("revisions", f.before.revisions, f.removed.revisions, f.kept.revisions),
                     counts("tombstones", f.before.tombstones, f.removed.tombstones, f.kept.tombstones),
                     counts("keys", f.before.keys, f.removed.keys, f.kept.keys)});
    }
    out << "</div></div></section>\n";
}

}  // namespace kvctl::report::html
