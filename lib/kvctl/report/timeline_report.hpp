#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <vector>

#include "kvctl/kube/timeline.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// What `kvctl timeline` says.
struct TimelineReport {
    StoreFacts store;
    std::uint64_t samples = 0;
    std::uint64_t dropped = 0;         ///< samples that do not fit the others
    std::vector<kube::Sample> points;  ///< of those that do, some; oldest and newest first and last

    /// One revision and its time, where one was asked for.
    struct Answer {
        MainRevision revision;
        kube::Time time;
        std::optional<std::int64_t> error;  ///< microseconds; nullopt: it lies outside of all samples
    };
    std::optional<Answer> answer;

    /// Writes in stretches of time, for a plot.
    struct Stretch {
        kube::Time begin;
        std::uint64_t writes = 0;
    };
    std::vector<Stretch> stretches;
    std::int64_t stretch = 0;  ///< microseconds each
    bool plot = false;         ///< text: draw them
    Notes notes;
};

void write_text(std::ostream& out, const TimelineReport& report, const TextStyle& style);
void write_json(std::ostream& out, const TimelineReport& report);
/// A line a point, then the summary; an answer is one line.
void write_jsonl(std::ostream& out, const TimelineReport& report);

}  // namespace kvctl::report
