#include "kvctl/raft/alarms.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace kvctl::raft;

namespace {

// "+N" and "+C" raise an alarm of member 1, "-N" and "-C" lift it; small letters are member 2's.
Alarms after(const std::string& requests) {
    Alarms alarms;
    for (std::size_t i = 0; i + 1 < requests.size(); i += 3) {
        const char kind = requests[i + 1];
        const bool second = kind == 'n' || kind == 'c';
        alarms.apply({requests[i] == '+' ? Alarm::Action::activate : Alarm::Action::deactivate,
                      second ? 2U : 1U, kind == 'N' || kind == 'n' ? Alarms::k_no_space : Alarms::k_corrupt});
    }
    return alarms;
}

std::string held(const Alarms& alarms, AlarmRule rule) {
    return std::string(alarms.holds(Alarms::k_no_space, rule) ? "N" : "") +
           (alarms.holds(Alarms::k_corrupt, rule) ? "C" : "");
}

}  // namespace

TEST_CASE("raft alarms: up to 3.5 the last request decides, from 3.6 on every alarm that is on") {
    struct Row {
        std::string requests;
        std::string by_set;
        std::string by_last;
    };
    for (const Row& row : {Row{"", "", ""}, Row{"+N", "N", "N"}, Row{"+N -N", "", ""},
                           Row{"+C +N", "NC", "N"}, Row{"+N +C", "NC", "C"}, Row{"+C +N -N", "C", ""},
                           Row{"+C +N -C", "N", ""}, Row{"+N +C -N", "C", ""}, Row{"+C +N -N +N", "NC", "N"},
                           // Neither a repetition nor a second member's changes anything.
                           Row{"+C +N +C", "NC", "N"}, Row{"+C +N +c", "NC", "N"}, Row{"+N +n -N", "N", "N"},
                           Row{"+N +n -N -n", "", ""}, Row{"+N -C", "N", "N"}}) {
        CAPTURE(row.requests);
        const Alarms alarms = after(row.requests);
        CHECK(held(alarms, AlarmRule::by_set) == row.by_set);
        CHECK(held(alarms, AlarmRule::by_last_request) == row.by_last);
        CHECK(alarms.both_are_on() == (row.by_set == "NC"));
    }
}
