#include <charconv>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/hash.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

// Decimal as etcdctl prints it, or hexadecimal: behind 0x, or as it stands when a letter tells.
std::uint32_t parse_hash(std::string_view text) {
    const bool marked = text.starts_with("0x") || text.starts_with("0X");
    const bool hex = marked || text.find_first_of("abcdefABCDEF") != std::string_view::npos;
    const std::string_view digits = marked ? text.substr(2) : text;
    std::uint32_t value = 0;
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (digits.empty() || code != std::errc{} || end != digits.data() + digits.size()) {
        throw usage_error(fmt::format(
            "--expect: '{}' is no 32-bit hash (decimal, or hex, with 0x where it has no letter)", text));
    }
    return value;
}

}  // namespace

OptionTable hash_options() {
    return join({{{"Hash",
                   {
                       word("rev", "N", "hash what is visible at revision N (default: the current one)"),
                       word("compact-rev", "N", "the hash the store would have once compacted to revision N"),
                       word("expect", "HASH", "exit 3 unless the hash is this one (decimal, or hex)"),
                       flag("per-key", "also a hash a key, to find the key in which two members differ"),
                   }}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int hash(const Args& args, Io& io) {
    const Parsed parsed = parse(hash_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    jobs::HashRequest request;
    if (const auto v = parsed.value("rev")) request.at = parse_revision("--rev", *v);
    if (const auto v = parsed.value("compact-rev"))
        request.if_compacted = parse_revision("--compact-rev", *v);
    request.per_key = parsed.has("per-key");
    std::optional<std::uint32_t> expected;
    if (const auto v = parsed.value("expect")) expected = parse_hash(*v);

    jobs::OpenedStore opened = open_for_command(parsed, parsed.operands().front());
    jobs::HashResult result = jobs::hash(opened, request);
    report::HashReport& report = result.report;
    report.expected = expected;
    write_notes(report.notes, report.path, output, io);
    (void)write_report(report, output, io);
    return expected && *expected != report.result.hash ? exit_code(ErrorKind::findings) : 0;
}

}  // namespace kvctl::cli
