#include "tests/support/raft_log.hpp"

namespace kvctl::test {

ReadLog read_log(raftlog::Source& source, raftlog::Want want) {
    ReadLog out;
    source.each(want, [&](const raftlog::Item& item) {
        out.facts.push_back(item.facts);
        out.entries.emplace_back(item.entry());
        return true;
    });
    out.findings = source.findings();
    return out;
}

std::string positions(const ReadLog& log) {
    std::string out;
    for (const auto& e : log.facts) {
        out +=
            (out.empty() ? "" : " ") + std::to_string(e.index.value()) + "/" + std::to_string(e.term.value());
    }
    return out;
}

std::string requests(const ReadLog& log) {
    std::string out;
    for (const auto& e : log.facts) {
        out += out.empty() ? "" : " ";
        out += raft::name_of(e.request);
    }
    return out;
}

std::string codes(const Findings& findings) {
    std::string out;
    for (const Finding& f : findings) out += (out.empty() ? "" : " ") + f.code;
    return out;
}

}  // namespace kvctl::test
