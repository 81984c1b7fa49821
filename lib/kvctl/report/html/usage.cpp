#include "kvctl/report/html/sections.hpp"

#include <algorithm>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/html/charts.hpp"

namespace kvctl::report::html {
namespace {

constexpr const char* k_no_key = "<p>None: no key is stored.</p></section>\n";

std::vector<std::string> usage_row(const mvcc::NamedUsage& n, bool with_keys) {
    std::vector<std::string> cells{n.name.empty() ? "\"\"" : shortened(n.name, k_key_shown)};
    if (with_keys) cells.push_back(group_digits(n.usage.keys));
    cells.push_back(group_digits(n.usage.revisions));
    cells.push_back(format_bytes(n.usage.live_bytes));
    cells.push_back(format_bytes(n.usage.history_bytes));
    cells.push_back(format_bytes(n.usage.freed_bytes));
    return cells;
}

}  // namespace

void write_prefixes(std::ostream& out, const StoreReport& r) {
    open_section(out, "prefixes", "Prefixes: live against history");
    if (!r.usage) {
        out << "<p>Not known: the keys could not be read.</p></section>\n";
        return;
    }
    const mvcc::UsageReport& u = *r.usage;
    if (u.prefixes.empty()) {
        out << k_no_key;
        return;
    }
    std::vector<mvcc::NamedUsage> parts = u.prefixes;
    mvcc::NamedUsage rest;
    rest.usage = u.total;
    for (const mvcc::NamedUsage& p : parts) {
        rest.usage.keys -= std::min(rest.usage.keys, p.usage.keys);
        rest.usage.revisions -= std::min(rest.usage.revisions, p.usage.revisions);
        rest.usage.live_bytes -= std::min(rest.usage.live_bytes, p.usage.live_bytes);
        rest.usage.history_bytes -= std::min(rest.usage.history_bytes, p.usage.history_bytes);
        rest.usage.freed_bytes -= std::min(rest.usage.freed_bytes, p.usage.freed_bytes);
    }
    if (parts.size() < u.all_prefixes) {
        rest.name = fmt::format("{} more prefix{}", group_digits(u.all_prefixes - parts.size()),
                                u.all_prefixes - parts.size() == 1 ? "" : "es");
        parts.push_back(rest);
    }
    out << "<div class=\"pair\"><div>\n";
    write_figure(out, "Bytes of keys and values, a tile for each prefix", [&] {
        write_treemap(out, "Prefixes by their bytes, the largest first", parts);
        write_legend(out, {{"live", "live, from the bottom up"}, {"history", "history"}});
    });
    out << "</div><div>\n";
    Rows rows;
    for (const mvcc::NamedUsage& p : parts) rows.push_back(usage_row(p, true));
    write_table(out, "t-prefixes", "Prefixes, the largest first",
                {{"prefix", Kind::code},
                 {"keys", Kind::number},
                 {"revisions", Kind::number},
                 {"live", Kind::number},
                 {"history", Kind::number},
                 {"freed", Kind::number}},
                rows);
    out << "</div></div></section>\n";
}

void write_keys(std::ostream& out, const StoreReport& r) {
    open_section(out, "keys", "Largest keys");
    if (!r.usage) {
        out << "<p>Not known: the keys could not be read.</p></section>\n";
        return;
    }
    if (r.usage->keys.empty()) {
        out << k_no_key;
        return;
    }
    Rows rows;
    for (const mvcc::NamedUsage& k : r.usage->keys) rows.push_back(usage_row(k, false));
    write_table(
        out, "t-keys",
        fmt::format("{} of {}, by live and history bytes",
                    group_digits(static_cast<std::uint64_t>(rows.size())), many(r.usage->all_keys, "key")),
        {{"key", Kind::code},
         {"revisions", Kind::number},
         {"live", Kind::number},
         {"history", Kind::number},
         {"freed", Kind::number}},
        rows);
    out << "</section>\n";
}

}  // namespace kvctl::report::html
