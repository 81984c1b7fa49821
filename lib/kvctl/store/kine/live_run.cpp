#include "kvctl/store/kine/live_run.hpp"

#include <algorithm>
#include <limits>
#include <thread>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::store {
namespace {

using mvcc::Slot;
using std::chrono::milliseconds;

}  // namespace

LiveRun::LiveRun(LiveKine& live, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                 const LiveTerms& terms, Progress* progress)
    : live_(live),
      index_(index),
      plan_(plan),
      progress_(progress),
      until_(terms.until),
      pace_(terms.size, terms.pause),
      rows_(live, index, plan),
      batches_(index, plan, Layout::kine, LivePace::k_first),
      gone_(index.slot_end()) {
    adopt(plan.compacted_before);
}

LiveCompaction::State LiveRun::state() const {
    State now = state_;
    now.busy_retries = live_.busy_retries();
    return now;
}

bool LiveRun::time_is_up() const {
    return until_ && state_.transactions > 0 && Clock::now() >= *until_;
}

// What a compact revision releases that stands already is no longer this run's to decide: whoever set it has
// removed most of it.
void LiveRun::adopt(MainRevision compacted) {
    state_.compacted = compacted;
    const std::size_t released = batches_.released_by(compacted);
    if (released <= next_) return;
    const std::span<const Slot> rows = batches_.from(next_, released - next_);
    leftovers_.insert(leftovers_.end(), rows.begin(), rows.end());
    next_ = released;
}

void LiveRun::work() {
    rows_.remember(progress_);
    begun_ = Clock::now();
    delete_batches();
    if (!out_of_time_) delete_leftovers();
    state_.complete = !out_of_time_;
}

void LiveRun::delete_batches() {
    bool first = true;
    while (next_ < batches_.rows() || state_.compacted < plan_.compacted_after) {
        if (!first) pause();
        first = false;
        out_of_time_ = time_is_up();
        if (out_of_time_) return;
        tell();
        const std::span<const Slot> rows = next_ < batches_.rows()
                                               ? batches_.from(next_, static_cast<std::size_t>(pace_.size()))
                                               : std::span<const Slot>{};
        const bool last = next_ + rows.size() == batches_.rows();
        if (step(rows, last ? plan_.compacted_after : batches_.reached_by(rows))) next_ += rows.size();
    }
}

// Rows at or below a compact revision that was there already: kine has most of those that another compaction
// released removed, and since 0.16.5 it never looks at the others again.
void LiveRun::delete_leftovers() {
    std::sort(leftovers_.begin(), leftovers_.end());
    const std::vector<Slot> rows = live_.still_there(index_, leftovers_);
    auto there = rows.begin();
    for (const Slot s : leftovers_) {
        if (there != rows.end() && *there == s) {
            ++there;
        } else {
            gone_.insert(s);
        }
    }
    state_.gone_before += leftovers_.size() - rows.size();
    for (std::size_t done = 0; done < rows.size();) {
        if (state_.transactions > 0) pause();
        out_of_time_ = time_is_up();
        if (out_of_time_) return;
        tell();
        const std::size_t n = std::min(static_cast<std::size_t>(pace_.size()), rows.size() - done);
        if (step(std::span(rows).subspan(done, n), state_.compacted)) done += n;
    }
}

bool LiveRun::step(std::span<const Slot> rows, MainRevision to) {
    const LiveKine::Step done = live_.step(index_, rows, state_.compacted, to);
    if (done.adopted) {
        ++state_.foreign;
        adopt(done.compacted);
        return false;
    }
    state_.compacted = done.compacted;
    ++state_.transactions;
    state_.deleted += done.deleted;
    state_.gone_before += rows.size() - done.deleted;
    for (const Slot s : rows) gone_.insert(s);
    state_.longest = std::max(state_.longest, done.held);
    pace_.saw(done.deleted, done.held, done.waited, done.others_write);
    return true;
}

void LiveRun::pause() {
    const Clock::time_point end = Clock::now() + pace_.pause();
    // The time costs nothing, and a fault shows before the rest of the work is done.
    rows_.look_further();
    // In steps, so that a signal is heeded within a second.
    while (Clock::now() < end) {
        check_interrupt();
        std::this_thread::sleep_for(std::min<Clock::duration>(milliseconds(100), end - Clock::now()));
    }
}

void LiveRun::tell() const {
    if (progress_ == nullptr) return;
    const std::uint64_t done = state_.deleted + state_.gone_before;
    std::string phase = "compacting";
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    if (state_.deleted > 0 && seconds > 0) {
        const double rate = static_cast<double>(state_.deleted) / seconds;
        const auto left =
            static_cast<double>(batches_.rows() - std::min<std::uint64_t>(done, batches_.rows()));
        phase += fmt::format(", {} revisions/s, {} s left", group_digits(static_cast<std::uint64_t>(rate)),
                             group_digits(static_cast<std::uint64_t>(left / rate)));
    }
    progress_->update(phase, done, batches_.rows());
}

LiveCompaction::Difference LiveRun::verify() {
    const MainRevision now = live_.store().head().compacted;
    if (now < state_.compacted) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: its compact revision went back from {} to {}, which no server does; "
                                "{} tells what is wrong with the store",
                                live_.store().info().path, state_.compacted, now,
                                command_on(live_.store().info().path, "check")));
    }
    // Somebody else has gone further since.
    if (now > state_.compacted) ++state_.foreign;
    state_.compacted = now;
    const LiveRows::Found found = rows_.compare(state_.complete && alone(), gone_);
    return {found.same, found.left, found.untold};
}

}  // namespace kvctl::store
