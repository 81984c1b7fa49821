#include "kvctl/raft/alarms.hpp"

namespace kvctl::raft {

bool Alarms::is_on(std::uint64_t kind) const noexcept {
    const auto first = on_.lower_bound({kind, 0});
    return first != on_.end() && first->first == kind;
}

void Alarms::apply(const Alarm& request) {
    const bool was_on = is_on(request.alarm);
    if (request.action == Alarm::Action::activate) {
        on_.emplace(request.alarm, request.member_id);
        if (!was_on) gate_ = request.alarm;
    } else if (request.action == Alarm::Action::deactivate) {
        on_.erase({request.alarm, request.member_id});
        if (was_on && !is_on(request.alarm)) gate_ = 0;
    }
}

}  // namespace kvctl::raft
