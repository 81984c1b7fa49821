#include <chrono>

#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/jobs/new_file.hpp"
#include "kvctl/jobs/store_report.hpp"
#include "kvctl/store/open.hpp"
#include "tools/commands.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {

OptionTable report_options() {
    return join(
        {{{"Page",
           {
               file("output", "FILE.html", "the page to write; it must not exist", 'o'),
               word("rev", "N", "show what a compaction at revision N would do"),
               word("keep-last", "N",
                    "the same for the current revision minus N (default: as many as the server keeps)"),
               wal_dir_option(),
           }}},
         rules_options(),
         store_options(),
         output_options()});
}

int report_page(const Args& args, Io& io) {
    const Parsed parsed = parse(report_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    parsed.at_most_one_of({"rev", "keep-last"});
    const auto path = parsed.value("output");
    if (!path) throw usage_error("report needs -o FILE.html");
    if (*path == "-") throw usage_error("--output: a page goes into a file, not to standard output");
    jobs::StoreReportRequest request{.path = parsed.operands().front(),
                                     .open = open_options_of(parsed),
                                     .rules = rules_of(parsed),
                                     .wal_dir = parsed.value("wal-dir")};
    if (const auto v = parsed.value("rev")) request.rev = parse_revision("--rev", *v);
    if (const auto v = parsed.value("keep-last")) request.keep_last = parse_u64("--keep-last", *v);

    jobs::PublishedFile page(*path, jobs::PublishedFile::Over::nothing);
    report::PageWritten done;
    {
        const auto progress = make_progress(output, io);
        report::StoreReport r = jobs::gather_report(request, progress.get());
        r.version = KVCTL_VERSION;
        r.made = kube::Time(std::chrono::duration_cast<std::chrono::microseconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count());
        report::write_html(page.stream(), r);
        done = report::page_written(r, *path);
    }
    page.commit();
    done.bytes = file_size(*path);
    return write_report(done, output, io);
}

}  // namespace kvctl::cli
