#include <algorithm>
#include <limits>

#include "kvctl/base/error.hpp"
#include "kvctl/report/check_report.hpp"
#include "kvctl/store/check.hpp"
#include "kvctl/store/open.hpp"
#include "tools/commands.hpp"
#include "tools/log_access.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {
namespace {

// A log that cannot be read to its end is a finding, not the end of the check.
void check_log(store::Store& store, const std::string& path, int timeout_ms, std::optional<LogIndex> applied,
               Findings& findings) {
    try {
        const auto source = log_of(store, path, timeout_ms);
        if (!source) return;
        for (Finding& f : read_log(*source, "store", {}, applied).findings) findings.push_back(std::move(f));
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::not_a_store) throw;
        Finding f;
        f.code = "unreadable-log";
        f.where = "raft log";
        f.what = e.what();
        findings.push_back(std::move(f));
    }
}

// Where what decides is damaged itself, the check tells.
mvcc::CompactionRules rules_for(store::Store& store, const std::optional<mvcc::CompactionRules>& asked) try {
    return store::choose_rules(store, asked).rules;
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged) throw;
    return mvcc::classic_rules();
}

}  // namespace

OptionTable check_options() {
    return join({{{"Check", {flag("all", "name every finding, not only the first 20 of a code")}}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int check(const Args& args, Io& io) {
    const Parsed parsed = parse(check_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    const std::string& path = parsed.operands().front();
    const int timeout_ms = static_cast<int>(timeout_of(parsed).count());
    const auto rules = rules_of(parsed);
    const auto progress = make_progress(output, io);

    const std::unique_ptr<store::Store> store = store::open_store(path, {layout_of(parsed), timeout_ms});
    store::CheckRequest request;
    request.rules = rules_for(*store, rules);
    if (parsed.has("all")) request.kept_per_code = std::numeric_limits<std::size_t>::max();
    request.progress = progress.get();
    store::CheckResult result = check_store(*store, request);
    check_log(*store, path, timeout_ms, result.consistent_index, result.findings);

    report::CheckReport report;
    const store::StoreInfo& info = store->info();
    report.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
                    info.free_pages};
    report.findings = std::move(result.findings);
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    (void)write_report(report, output, io);
    return report.ok() ? 0 : exit_code(ErrorKind::findings);
}

}  // namespace kvctl::cli
