#include <algorithm>
#include <array>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/diff.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

// "lease,version".
std::set<std::string> parse_ignored(std::string_view text) {
    constexpr std::array<std::string_view, 5> k_words{"value", "lease", "create_revision", "mod_revision",
                                                      "version"};
    std::set<std::string> ignored;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string word(text.substr(0, comma));
        if (std::find(k_words.begin(), k_words.end(), word) == k_words.end()) {
            throw usage_error(fmt::format(
                "--ignore: '{}' is not one of value, lease, create_revision, mod_revision, version",
                escape(word)));
        }
        ignored.insert(word);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return ignored;
}

jobs::DiffRequest parse_diff(const Parsed& parsed) {
    parsed.expect_operands(2, 2, "STORE-A STORE-B");
    parsed.at_most_one_of({"rev", "rev-a"});
    parsed.at_most_one_of({"rev", "rev-b"});
    jobs::DiffRequest r;
    r.path_a = parsed.operands()[0];
    r.path_b = parsed.operands()[1];
    r.open = open_options_of(parsed);
    r.rules = rules_of(parsed);
    if (const auto v = parsed.value("rev")) r.revision_a = r.revision_b = parse_revision("--rev", *v);
    if (const auto v = parsed.value("rev-a")) r.revision_a = parse_revision("--rev-a", *v);
    if (const auto v = parsed.value("rev-b")) r.revision_b = parse_revision("--rev-b", *v);
    if (const auto v = parsed.value("ignore")) r.ignored = parse_ignored(*v);
    r.values = parsed.has("values");
    return r;
}

}  // namespace

OptionTable diff_options() {
    return join(
        {{{"Diff",
           {
               word("rev", "N",
                    "what a reader gets at revision N (default: the smaller current revision of the two)"),
               word("rev-a", "N", "another revision of the first store"),
               word("rev-b", "N", "another revision of the second store"),
               offering("value|lease|create_revision|mod_revision|version",
                        word("ignore", "WORDS",
                             "do not compare these: value, lease, create_revision, mod_revision, version")),
               flag("values", "also sizes, and which fields of Kubernetes objects differ"),
           }}},
         rules_options(),
         store_options(),
         output_options()});
}

int diff(const Args& args, Io& io) {
    const Parsed parsed = parse(diff_options(), args);
    const Output output = output_of(parsed, io);
    const jobs::DiffRequest request = parse_diff(parsed);
    const auto progress = make_progress(output, io);
    const report::DiffReport report = jobs::diff_stores(request, progress.get());
    write_notes(report.notes, request.path_a, output, io);
    (void)write_report(report, output, io);
    return report.equal() ? 0 : exit_code(ErrorKind::findings);
}

}  // namespace kvctl::cli
