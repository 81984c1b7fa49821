#include "kvctl/store/kine/live_run.hpp"

#include <algorithm>
#include <limits>
#include <thread>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::store {
namespace {

using mvcc::Slot;
using std::chrono::milliseconds;

bool same_row(const mvcc::TreeIndex& a, Slot s, const mvcc::TreeIndex& b, Slot t) {
    const mvcc::KeyId key = a.key_of(s);
    const mvcc::KeyId other = b.key_of(t);
    const bool same_key =
        key < mvcc::k_gap_key && other < mvcc::k_gap_key ? a.key(key) == b.key(other) : key == other;
    return same_key && a.is_tombstone(s) == b.is_tombstone(t) && a.bytes_of(s) == b.bytes_of(t) &&
           a.prev_revision_of(s) == b.prev_revision_of(t);
}

}  // namespace

LiveRun::LiveRun(LiveKine& live, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                 const LiveTerms& terms, Progress* progress)
    : live_(live),
      index_(index),
      plan_(plan),
      progress_(progress),
      until_(terms.until),
      pace_(terms.size, terms.pause),
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

void LiveRun::pause() const {
    const Clock::time_point end = Clock::now() + pace_.pause();
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
    Difference found;
    live_.at_one_moment([&] {
        // Somebody else may have gone further since.
        const MainRevision now = live_.store().head().compacted;
        if (now < state_.compacted) {
            throw Error(ErrorKind::damaged,
                        fmt::format("{}: its compact revision went back from {} to {}, which no server does; "
                                    "'kvctl check' tells what is wrong with the store",
                                    live_.store().info().path, state_.compacted, now));
        }
        if (now > state_.compacted) ++state_.foreign;
        state_.compacted = now;
        // Beyond what the plan knows nothing of it has to be there any more.
        if (state_.compacted <= plan_.current) found = compare(live_.rows_upto(plan_.rules, plan_.current));
    });
    return found;
}

LiveCompaction::Difference LiveRun::compare(const mvcc::TreeIndex& rows) {
    const auto fail = [&](Slot s, const std::string& what) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: row {} {}; 'kvctl check' tells what is wrong with the store",
                                live_.store().info().path, index_.revision(s).main, what));
    };
    std::vector<Slot> newest(index_.key_count(), mvcc::k_no_slot);
    index_.for_each_row(0, index_.slot_end(), [&](Slot s) {
        if (index_.key_of(s) < mvcc::k_gap_key) newest[index_.key_of(s)] = s;
    });
    const Slot above = index_.upper_bound(state_.compacted);
    std::optional<bool> misses;
    const auto tombstone_may_be_gone = [&] {
        if (!misses) misses = live_.misses_one_above(plan_.current);
        return *misses;
    };
    // Both stand in revision order.
    Slot other = 0;
    const auto find = [&](const mvcc::Revision& r) {
        while (other < rows.slot_end() && (!rows.occupied(other) || rows.revision(other) < r)) ++other;
        return other < rows.slot_end() && rows.revision(other) == r;
    };
    Difference found;
    index_.for_each_row(0, index_.slot_end(), [&](Slot s) {
        const bool removed = s < plan_.slot_end && plan_.removed_slots.contains(s);
        if (find(index_.revision(s))) {
            if (!same_row(index_, s, rows, other)) fail(s, "is another one now");
            if (removed && state_.complete && alone()) fail(s, "is still there");
            found.left += removed ? 1 : 0;
            return;
        }
        gone_.insert(s);
        if (!removed) {
            const mvcc::KeyId key = index_.key_of(s);
            const bool was_live = key < mvcc::k_gap_key && newest[key] == s && !index_.is_tombstone(s);
            // A compaction that does not tell its revision takes it once it is replaced, or deleted, and then
            // its tombstone too.
            if (was_live && !live_.has_newer(index_.key(key), MainRevision(index_.revision(s).main)) &&
                !tombstone_may_be_gone()) {
                fail(s, "is gone, which nobody may remove");
            }
            found.gone += s >= above || alone() ? 1 : 0;
        }
    });
    return found;
}

}  // namespace kvctl::store
