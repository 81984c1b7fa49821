#include "tools/shared_options.hpp"

#include <cstdlib>
#include <string_view>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "tools/terminal.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

// auto: only on a terminal.
bool on(std::string_view when, bool automatic) noexcept {
    return when == "always" || (when == "auto" && automatic);
}

bool terminal_has_color() noexcept {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return (no_color == nullptr || *no_color == '\0') && term != nullptr && std::string_view(term) != "dumb";
}

// By the variables that name the character set, the strongest first.
bool locale_is_utf8() noexcept {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const std::string_view v(value);
        return v.find("UTF-8") != std::string_view::npos || v.find("utf8") != std::string_view::npos;
    }
    return false;
}

}  // namespace

report::TextStyle style_of(const Output& output) noexcept {
    report::TextStyle style;
    style.raw_bytes = output.raw_bytes;
    style.verbose = output.verbose;
    style.format_bytes = format_bytes;
    style.color = output.color;
    style.columns = output.columns;
    style.rows = output.rows;
    if (output.columns > 0)
        style.bars = output.unicode ? report::TextStyle::Bars::unicode : report::TextStyle::Bars::ascii;
    return style;
}

OptionTable basic_options() {
    return {{"General",
             {
                 choice("write-out", "text|json|jsonl", "format of the report (default text)", 'w'),
                 flag("json", "the same as --write-out json"),
                 flag("quiet", "print nothing on success", 'q'),
                 flag("verbose", "say more about what is done and why", 'v'),
                 flag("help", "show this help and exit", 'h'),
                 flag("version", "show the version and exit"),
             }}};
}

OptionTable output_options() {
    return join({{{"Display",
                   {
                       flag("bytes", "sizes in text as plain numbers of bytes"),
                       choice("color", "auto|always|never",
                              "colour in text (default auto: on a terminal, unless NO_COLOR is set)"),
                       choice("progress", "auto|always|never",
                              "progress on stderr (default auto: on a terminal, for work over a second)"),
                   }}},
                 basic_options()});
}

Output output_of(const Parsed& parsed, const Io& io) {
    Output o;
    const std::string format = parsed.value_or("write-out", parsed.has("json") ? "json" : "text");
    if (parsed.has("json") && format != "json") {
        throw usage_error(fmt::format("--json and --write-out {} exclude each other", format));
    }
    o.format = format == "json" ? Format::json : format == "jsonl" ? Format::jsonl : Format::text;
    o.quiet = parsed.has("quiet");
    o.verbose = parsed.has("verbose");
    if (!parsed.offers("color")) return o;
    o.raw_bytes = parsed.has("bytes");
    o.color = o.format == Format::text &&
              on(parsed.value_or("color", "auto"), io.out_is_terminal && terminal_has_color());
    o.color_messages = o.format == Format::text &&
                       on(parsed.value_or("color", "auto"), io.err_is_terminal && terminal_has_color());
    o.columns = io.columns;
    o.rows = io.rows;
    o.unicode = locale_is_utf8();
    o.progress =
        o.format == Format::text && !o.quiet && on(parsed.value_or("progress", "auto"), io.err_is_terminal);
    o.progress_lines = o.progress && !io.err_is_terminal;
    return o;
}

std::unique_ptr<Progress> make_progress(const Output& output, Io& io) {
    if (!output.progress) return nullptr;
    return std::make_unique<TerminalProgress>(
        io.err, output.progress_lines ? TerminalProgress::Style::lines : TerminalProgress::Style::redrawn);
}

OptionTable newest_store_options() {
    return {
        {"Store",
         {
             choice("layout", store::layout_words(),
                    "what the store is (default auto: recognised by its content)"),
             word("member", "NAME", "of an archive or dqlite directory with several stores: the one to take"),
             word("timeout", "TIME", "how long to wait for a store somebody else holds (default 10s)"),
         }}};
}

OptionTable store_options() {
    OptionTable all = newest_store_options();
    all.front().options.push_back(
        word("raft-index", "I", "dqlite: the store as it was behind entry I of the log"));
    return all;
}

std::optional<store::Layout> layout_of(const Parsed& parsed) {
    return store::layout_named(parsed.value_or("layout", "auto"));
}

std::chrono::milliseconds timeout_of(const Parsed& parsed) {
    return parse_duration("--timeout", parsed.value_or("timeout", "10s"));
}

store::OpenOptions open_options_of(const Parsed& parsed) {
    store::OpenOptions options;
    options.layout = layout_of(parsed);
    options.timeout_ms = static_cast<int>(timeout_of(parsed).count());
    options.waits_for_idle = parsed.has("timeout");
    options.member = parsed.value("member");
    // Of compact it says how far to shorten the store's own log.
    if (parsed.offers("raft-index") && !parsed.offers("raft-keep")) {
        if (const auto index = parsed.value("raft-index"))
            options.raft_index = LogIndex(parse_u64("--raft-index", *index));
    }
    return options;
}

std::optional<store::TargetKind> target_of(const Parsed& parsed) {
    const auto word = parsed.value("to");
    return word ? store::target_named(*word) : std::nullopt;
}

Option wal_dir_option() {
    return file("wal-dir", "DIR", "where the log of an etcd data dir lies, if not in its member/wal");
}

OptionTable rules_options() {
    return {{"Rules",
             {
                 choice("tombstones", "classic|keep-at-rev",
                        "what happens to a tombstone exactly at the compact revision (default: what wrote "
                        "the store)"),
                 word("etcd-version", "X.Y.Z", "follow that release of etcd in every such choice"),
             }}};
}

std::optional<mvcc::CompactionRules> rules_of(const Parsed& parsed) {
    parsed.at_most_one_of({"tombstones", "etcd-version"});
    if (const auto version = parsed.value("etcd-version")) return mvcc::rules_of_etcd_version(*version);
    if (const auto rule = parsed.value("tombstones")) {
        return *rule == "classic" ? mvcc::classic_rules() : mvcc::keep_at_rev_rules();
    }
    return std::nullopt;
}

}  // namespace kvctl::cli
