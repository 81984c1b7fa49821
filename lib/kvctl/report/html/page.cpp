#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/html/sections.hpp"
#include "kvctl/report/html/style.hpp"

namespace kvctl::report {
namespace html {
namespace {

std::string file_name(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1));
}

// What to know first: how large, and what could be had back.
std::string lead(const StoreReport& r) {
    std::string s = format_bytes(r.status.store.file_bytes);
    if (r.status.wal_bytes > 0) s += fmt::format(", and {} in its -wal", format_bytes(r.status.wal_bytes));
    if (r.status.revisions == 0) return s + ". No revision is stored.";
    if (!r.forecast || r.forecast->nothing_to_do || !r.forecast->file_after)
        return fmt::format("{}: {} of {}.", s, many(r.status.revisions, "revision"),
                           many(r.status.keys, "key"));
    const Forecast& f = *r.forecast;
    if (*f.file_after >= f.file_before)
        return fmt::format("{}. A compaction at revision {} would leave {}.", s, group_digits(f.target),
                           format_bytes(*f.file_after));
    const std::uint64_t freed = f.file_before - *f.file_after;
    return fmt::format("{}. A compaction at revision {} would shrink it to {}: frees {} ({}).", s,
                       group_digits(f.target), format_bytes(*f.file_after), format_bytes(freed),
                       percent(static_cast<double>(freed), static_cast<double>(f.file_before)));
}

}  // namespace

void open_section(std::ostream& out, std::string_view id, std::string_view heading) {
    out << "<section aria-labelledby=\"" << id << "\"><h2 id=\"" << id << "\">" << text(heading) << "</h2>\n";
}

void write_figure(std::ostream& out, std::string_view caption, const std::function<void()>& picture) {
    out << "<figure><figcaption>" << text(caption) << "</figcaption>\n";
    picture();
    out << "</figure>\n";
}

void write_head(std::ostream& out, const StoreReport& r) {
    const std::string title = "kvctl report: " + text(shortened(file_name(r.status.store.path), 80));
    out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        << R"(<meta name="viewport" content="width=device-width, initial-scale=1">)"
        << R"(<meta name="referrer" content="no-referrer">)"
        << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
           "'unsafe-inline'\">"
        << "<title>" << title << "</title>\n<style>" << style_sheet() << "</style></head>\n<body>\n"
        << "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header><h1>" << title << "</h1>\n<p>"
        << "<code>" << text(shortened(r.status.store.path, k_key_shown)) << "</code></p>\n<p class=\"lead\">"
        << text(lead(r)) << "</p>\n";
    // To be pasted, so whole, however long the path in it.
    if (r.forecast && !r.forecast->nothing_to_do)
        out << "<pre><code>" << text(r.forecast->command) << "</code></pre>\n";
    if (r.forecast && !r.forecast->refusal.empty())
        out << "<p><span class=\"warning\">As things stand it would be refused:</span> "
            << text(shortened(r.forecast->refusal, k_said_shown)) << "</p>\n";
    if (!r.no_forecast.empty())
        out << "<p><span class=\"error\">No compaction can be foretold:</span> "
            << text(shortened(r.no_forecast, k_said_shown)) << "</p>\n";
    out << "</header>\n<nav aria-label=\"Sections\"><ul>"
        << R"(<li><a href="#size">Before and after</a></li><li><a href="#prefixes">Prefixes</a></li>)"
        << R"(<li><a href="#time">Writes</a></li><li><a href="#keys">Largest keys</a></li>)"
        << R"(<li><a href="#pages">Pages</a></li><li><a href="#findings">Findings</a></li>)"
        << "<li><a href=\"#store\">The store</a></li></ul></nav>\n<main id=\"main\">\n";
}

}  // namespace html

std::string_view name_of(PageKind kind) noexcept {
    switch (kind) {
        case PageKind::live:
            return "live";
        case PageKind::history:
            return "history";
        case PageKind::overflow:
            return "overflow";
        case PageKind::index:
            return "index";
        case PageKind::other:
            return "other";
        case PageKind::free:
            return "free";
    }
    return "";
}

void write_html(std::ostream& out, const StoreReport& r) {
    html::write_head(out, r);
    html::write_size(out, r);
    html::write_prefixes(out, r);
    html::write_writes(out, r);
    html::write_keys(out, r);
    html::write_page_map(out, r);
    html::write_findings(out, r);
    html::write_facts(out, r);
    out << "</main>\n<footer><p>Made by kvctl " << html::text(r.version);
    if (r.made) out << " at " << html::text(kube::format_time(*r.made));
    out << ". It holds names and numbers of the store, and no values.</p></footer>\n</body></html>\n";
}

}  // namespace kvctl::report
