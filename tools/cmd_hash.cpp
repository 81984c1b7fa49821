#include <charconv>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/mvcc/hash.hpp"
#include "kvctl/report/hash_report.hpp"
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
        throw Error(ErrorKind::usage,
                    "--expect: '" + std::string(text) +
                        "' is no 32-bit hash (decimal, or hex, with 0x where it has no letter)");
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
    mvcc::KvHash::Request request;
    if (const auto v = parsed.value("rev")) request.at = parse_revision("--rev", *v);
    if (const auto v = parsed.value("compact-rev"))
        request.as_if_compacted = parse_revision("--compact-rev", *v);
    std::optional<std::uint32_t> expected;
    if (const auto v = parsed.value("expect")) expected = parse_hash(*v);

    OpenedStore opened = open_for_command(parsed, parsed.operands().front());
    const std::string& path = opened.store->info().path;
    if (!opened.store->traits().versions) {
        throw Error(ErrorKind::refused, path + ": HashKV covers versions and sub-revisions, which a " +
                                            std::string(name_of(opened.store->info().layout)) +
                                            " store does not keep");
    }
    request.rules = opened.rules;
    request.current = opened.head.current;
    // A server that opens the store takes up a compaction that was cut short before it answers.
    request.compacted = opened.head.pending() ? *opened.head.scheduled : opened.head.compacted;
    request.per_key = parsed.has("per-key");
    report::HashReport report;
    note_head(*opened.store, opened.head, report.notes);
    try {
        mvcc::KvHash hash(request);
        std::uint64_t n = 0;
        opened.store->every_record(
            [&](const mvcc::Record& r) {
                if ((++n & 0xFFF) == 0) check_interrupt();
                hash.add(r);
            },
            [&] { hash.restart(); });
        report.result = hash.finish();
        report.path = path;
        report.index = &hash.index();
        note_open_choice(opened, hash.index(), request.as_if_compacted.value_or(request.compacted),
                         report.notes);
        write_notes(report.notes, path, output, io);
        report.expected = expected;
        (void)write_report(report, output, io);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::compacted && e.kind() != ErrorKind::future_revision) throw;
        throw Error(e.kind(), path + ": " + e.what());
    }
    return expected && *expected != report.result.hash ? exit_code(ErrorKind::findings) : 0;
}

}  // namespace kvctl::cli
