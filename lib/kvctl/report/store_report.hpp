#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/kube/times.hpp"
#include "kvctl/mvcc/usage.hpp"
#include "kvctl/report/check_report.hpp"
#include "kvctl/report/churn_report.hpp"
#include "kvctl/report/status_report.hpp"
#include "kvctl/report/timeline_report.hpp"

namespace kvctl::report {

/// What pages of a file are filled with.
enum class PageKind : std::uint8_t { live, history, overflow, index, other, free };
inline constexpr std::size_t k_page_kinds = 6;
[[nodiscard]] std::string_view name_of(PageKind kind) noexcept;

/// A file's pages as a picture of a bounded number of cells, each for some pages that follow one another.
struct PagePicture {
    static constexpr std::size_t k_most_cells = 4000;

    std::uint64_t page_size = 0;
    std::uint64_t pages = 0;
    std::uint64_t pages_per_cell = 1;
    std::vector<PageKind> cells;                      ///< what most of the cell's pages hold
    std::array<std::uint64_t, k_page_kinds> bytes{};  ///< by kind; a page of rows is divided
};

/// What a compaction would come to.
struct Forecast {
    std::int64_t target = 0;
    bool nothing_to_do = false;  ///< the store is compacted that far already
    mvcc::Tally before;
    mvcc::Tally removed;
    mvcc::Tally kept;
    std::uint64_t file_before = 0;
    std::optional<std::uint64_t> file_after;  ///< once free space is given back; nullopt: not foretold
    std::string refusal;                      ///< why it would be refused as things stand; may be empty
    std::string command;                      ///< a shell's line that shows the same in a terminal
};

/// Everything a page about one store shows: what the inspecting commands know, without values.
struct StoreReport {
    std::string version;             ///< of kvctl
    std::optional<kube::Time> made;  ///< when
    StatusReport status;
    std::optional<Forecast> forecast;
    std::string no_forecast;  ///< why there is none
    std::optional<mvcc::UsageReport> usage;
    std::optional<PagePicture> pages;
    std::optional<ChurnReport> churn;
    std::optional<TimelineReport> timeline;  ///< nullopt: there is no clock in the store
    CheckReport check;
    std::vector<std::string> warnings;
};

/// One HTML page with its style and pictures in it and nothing from elsewhere; no script. Its size does not
/// grow with the store.
void write_html(std::ostream& out, const StoreReport& report);

/// What `kvctl report` says of the page it has written.
struct PageWritten {
    StoreFacts store;
    std::string output;
    std::uint64_t bytes = 0;  ///< of the page
    std::uint64_t errors = 0;
    std::uint64_t warnings = 0;
    std::uint64_t infos = 0;  ///< notes of the check
    Notes notes;              ///< warnings, which the page has too
};
[[nodiscard]] PageWritten page_written(const StoreReport& report, const std::string& output);

void write_text(std::ostream& out, const PageWritten& p, const TextStyle& style);
/// kvctl.report/1.
void write_json(std::ostream& out, const PageWritten& p);
void write_jsonl(std::ostream& out, const PageWritten& p);

}  // namespace kvctl::report
