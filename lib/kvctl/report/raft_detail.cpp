#include "kvctl/report/raft_detail.hpp"

#include <variant>

#include "kvctl/base/bytes.hpp"

namespace kvctl::report {
namespace {

std::string lease_text(std::int64_t id) {
    return "lease " + hex(static_cast<std::uint64_t>(id));
}

std::string range_text(std::string_view key, std::string_view end) {
    if (end.empty()) return escape(key);
    if (end == std::string_view("\0", 1)) return "from " + escape(key);
    return escape(key) + " to " + escape(end);
}

struct Words {
    std::string operator()(const std::monostate&) const { return {}; }
    std::string operator()(const raft::Range& r) const { return range_text(r.key, r.range_end); }
    std::string operator()(const raft::Put& p) const {
        return escape(p.key) + (p.lease != 0 ? " " + lease_text(p.lease) : "");
    }
    std::string operator()(const raft::DeleteRange& d) const { return range_text(d.key, d.range_end); }
    std::string operator()(const raft::Txn& t) const {
        return "if " + std::to_string(t.compare.size()) + " then " + std::to_string(t.success.size()) +
               " else " + std::to_string(t.failure.size());
    }
    std::string operator()(const raft::Compaction& c) const {
        return "revision " + std::to_string(c.revision);
    }
    std::string operator()(const raft::LeaseGrant& g) const {
        return lease_text(g.id) + " ttl " + std::to_string(g.ttl);
    }
    std::string operator()(const raft::LeaseRevoke& r) const { return lease_text(r.id); }
    std::string operator()(const raft::ClusterVersionSet& c) const { return escape(c.version); }
    std::string operator()(const raft::Alarm& a) const {
        const std::string which = a.alarm == 1   ? "NOSPACE"
                                  : a.alarm == 2 ? "CORRUPT"
                                                 : std::to_string(a.alarm);
        switch (a.action) {
            case raft::Alarm::Action::activate:
                return "activate " + which;
            case raft::Alarm::Action::deactivate:
                return "deactivate " + which;
            default:
                return "get";
        }
    }
};

}  // namespace

std::string describe_request(const raft::EntryView& entry) {
    if (entry.type == raft::EntryType::conf_change) {
        const auto change = raft::decode_conf_change(entry.data);
        if (!change) return {};
        const std::string_view name = raft::conf_change_name(change->type);
        return (name.empty() ? "type " + std::to_string(change->type) : std::string(name)) + " " +
               hex(change->node_id);
    }
    return std::visit(Words{}, raft::decode_request(entry).body);
}

}  // namespace kvctl::report
