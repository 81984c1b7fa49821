#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/report/table.hpp"
#include "kvctl/report/usage_report.hpp"
#include "kvctl/report/width.hpp"

namespace kvctl::report {
namespace {

constexpr std::size_t k_narrow = 100;  // columns below which only what matters most is shown
constexpr std::size_t k_bar = 14;      // columns of a bar there, and twice as many elsewhere

// A line of figures: some columns are left out where the screen is narrow and the bar shows them.
class Figures {
  public:
    Figures(const TextStyle& style, const char* what, bool with_keys, std::uint64_t largest)
        : style_(style),
          narrow_(style.columns > 0 && style.columns < k_narrow),
          with_keys_(with_keys),
          largest_(largest) {
        table_.fit(style);
        table_.with_bars(style.bars != TextStyle::Bars::none);
        std::vector<std::string> head{what};
        if (with_keys_) head.emplace_back("keys");
        if (!narrow_ || !with_keys_) head.emplace_back("revisions");
        head.insert(head.end(), {"live", "history"});
        if (!narrow_) head.emplace_back("total");
        head.emplace_back("freed");
        if (style.bars != TextStyle::Bars::none) head.emplace_back();
        table_.row(head);
    }

    void row(const std::string& name, const mvcc::Usage& u, bool drawn = true) {
        std::vector<std::string> cells{name.empty() ? "\"\"" : name};
        if (with_keys_) cells.push_back(group_digits(u.keys));
        if (!narrow_ || !with_keys_) cells.push_back(group_digits(u.revisions));
        cells.push_back(style_.bytes(u.live_bytes));
        cells.push_back(style_.bytes(u.history_bytes));
        if (!narrow_) cells.push_back(style_.bytes(u.bytes()));
        cells.push_back(style_.bytes(u.freed_bytes));
        const std::string drawing =
            drawn ? bar(style_, u.live_bytes, u.history_bytes, largest_, narrow_ ? k_bar : 2 * k_bar)
                  : std::string();
        if (style_.bars != TextStyle::Bars::none) cells.push_back(drawing);
        table_.row(cells);
    }
    void write(std::ostream& out) const { table_.write(out); }

  private:
    const TextStyle& style_;
    Table table_{0};
    bool narrow_;
    bool with_keys_;
    std::uint64_t largest_;
};

std::uint64_t largest_of(const std::vector<mvcc::NamedUsage>& all) {
    std::uint64_t most = 0;
    for (const mvcc::NamedUsage& n : all) most = std::max(most, n.usage.bytes());
    return most;
}

// What all of it comes to, and what to do about it.
void write_headline(std::ostream& out, const DuReport& r, const TextStyle& style) {
    const mvcc::Usage& u = r.usage->total;
    const std::string what =
        fmt::format("{}: {}{} of keys and values{}, {} live;", escape(r.store.path), style.bytes(u.bytes()),
                    style.raw_bytes ? " bytes" : "", r.under.empty() ? "" : " under " + escape(r.under),
                    style.bytes(u.live_bytes));
    const std::string less = u.freed_bytes == 0
                                 ? fmt::format("nothing to free at revision {}", r.plan->target)
                                 : fmt::format("compacting to revision {} frees {} ({})", r.plan->target,
                                               style.bytes(u.freed_bytes), percent(u.freed_bytes, u.bytes()));
    out << in_width(style, what, less) << '\n';
}

void write_buckets(std::ostream& out, const DuReport& r, const TextStyle& style) {
    DuReport::Bucket all{"total", 0, 0, 0};
    for (const DuReport::Bucket& b : r.buckets) {
        all.keys += b.keys;
        all.bytes += b.bytes;
        all.pages += b.pages;
    }
    out << escape(r.store.path) << ": " << style.bytes(r.store.file_bytes) << ", buckets in "
        << style.bytes(all.pages * r.store.page_size) << " of them, "
        << style.bytes(r.store.free_pages * r.store.page_size) << " free\n";
    Table table(0);
    table.fit(style);
    table.with_bars(style.bars != TextStyle::Bars::none);
    std::vector<std::string> head{"bucket", "keys", "bytes", "pages", "in the file"};
    if (style.bars != TextStyle::Bars::none) head.emplace_back();
    table.row(head);
    const auto row = [&](const DuReport::Bucket& b, bool drawn) {
        std::vector<std::string> cells{escape(b.name), group_digits(b.keys), style.bytes(b.bytes),
                                       b.pages == 0 ? "inline" : group_digits(b.pages),
                                       style.bytes(b.pages * r.store.page_size)};
        if (style.bars != TextStyle::Bars::none)
            cells.push_back(drawn ? bar(style, b.pages, 0, std::max<std::uint64_t>(all.pages, 1), k_bar)
                                  : "");
        table.row(cells);
    };
    for (const DuReport::Bucket& b : r.buckets) row(b, true);
    row(all, false);
    table.write(out);
}

}  // namespace

void write_text(std::ostream& out, const DuReport& r, const TextStyle& style) {
    if (r.by == "bucket") {
        write_buckets(out, r, style);
        return;
    }
    const mvcc::UsageReport& usage = *r.usage;
    write_headline(out, r, style);
    if (usage.prefixes.empty() && r.old_values.empty()) {
        out << (r.under.empty() ? "nothing to list\n" : "nothing is stored under " + escape(r.under) + '\n');
        return;
    }
    Figures groups(style, r.by.c_str(), true, largest_of(usage.prefixes));
    for (const mvcc::NamedUsage& n : usage.prefixes) groups.row(escape(n.name), n.usage);
    groups.row(r.under.empty() ? "total" : "total under " + escape(r.under), usage.total, false);
    groups.write(out);
    if (!style.raw_bytes && usage.total.bytes() >= 1024) {
        out << "(exactly " << group_digits(usage.total.live_bytes) << " live, "
            << group_digits(usage.total.history_bytes) << " history, "
            << group_digits(usage.total.freed_bytes) << " freed)\n";
    }
    if (usage.prefixes.size() < usage.all_prefixes) {
        out << "(" << group_digits(usage.all_prefixes - usage.prefixes.size())
            << (r.by == "prefix" ? " more prefixes" : " more") << "; --top 0 shows all)\n";
    }
    for (const auto& [name, old] : r.old_values) {
        out << "(" << group_digits(old.values) << (old.values == 1 ? " old value" : " old values") << ", "
            << style.bytes(old.bytes) << ", of " << escape(name) << ")\n";
    }
    if (usage.gaps > 0) {
        out << "(and " << group_digits(usage.gaps) << (usage.gaps == 1 ? " gap row" : " gap rows")
            << ", of no key)\n";
    }
    if (usage.keys.empty()) return;
    out << '\n';
    Figures keys(style, "key", false, largest_of(usage.keys));
    for (const mvcc::NamedUsage& n : usage.keys) keys.row(escape(n.name), n.usage);
    keys.write(out);
    if (usage.keys.size() < usage.all_keys) {
        out << "(" << group_digits(usage.all_keys - usage.keys.size()) << " more keys)\n";
    }
}

}  // namespace kvctl::report
