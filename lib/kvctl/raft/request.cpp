#include "kvctl/raft/request.hpp"

#include "kvctl/base/proto.hpp"
#include "kvctl/raft/canonical.hpp"
#include "kvctl/raft/request_parts.hpp"

namespace kvctl::raft {
namespace {

struct TopLevel {
    RequestKind kind = RequestKind::unknown;
    std::string_view body;
    std::string_view header;
    std::uint64_t id = 0;
};

// A request as all of etcd's are, but for those of field numbers above 15: the operation, the header, no
// more.
bool read_canonical(std::string_view data, TopLevel& top) noexcept {
    CanonicalReader r(data);
    unsigned field = 0;
    if (!r.any_bytes(field, top.body)) return false;
    top.kind = operation_of_short_field(field);
    const bool header = r.take(0xA2) && r.bytes(0x06, top.header);
    return header && r.at_end() && top.kind != RequestKind::unknown;
}

TopLevel read_top_level(const EntryView& entry) noexcept {
    TopLevel top;
    if (entry.type != EntryType::normal) {
        const bool good = entry.type == EntryType::conf_change_v2
                              ? [&] {
                                    proto::Reader r(entry.data);
                                    while (r.next()) {
                                    }
                                    return !r.bad();
                                }()
                              : decode_conf_change(entry.data).has_value();
        top.kind = good ? RequestKind::conf_change : RequestKind::undecodable;
        return top;
    }
    if (entry.data.empty()) {
        top.kind = RequestKind::empty;
        return top;
    }
    if (read_canonical(entry.data, top)) return top;
    top = {};
    std::optional<RankedOperation> best;
    bool v2 = false;
    bool wrong_wire_type = false;
    proto::Reader r(entry.data);
    while (r.next()) {
        if (r.field() == 2) v2 = true;
        if (r.field() == 1) {
            wrong_wire_type = wrong_wire_type || r.wire_type() != 0;
            top.id = r.number();
        } else if (r.field() == 100) {
            wrong_wire_type = wrong_wire_type || r.wire_type() != 2;
            top.header = r.bytes();
        } else if (const auto operation = operation_of_field(r.field())) {
            wrong_wire_type = wrong_wire_type || r.wire_type() != 2;
            if (!best || operation->rank <= best->rank) {
                best = operation;
                top.body = r.bytes();
            }
        }
    }
    if (r.bad() || (wrong_wire_type && !v2)) {
        top.kind = RequestKind::undecodable;
    } else if (v2) {
        top.kind = RequestKind::v2;
    } else if (best) {
        top.kind = best->kind;
    }
    return top;
}

}  // namespace

RequestKind classify(const EntryView& entry) noexcept {
    return read_top_level(entry).kind;
}

Request decode_request(const EntryView& entry) {
    const TopLevel top = read_top_level(entry);
    Request out;
    out.kind = top.kind;
    out.id = top.id;
    const bool good = top.kind <= RequestKind::undecodable ||
                      (decode_header(top.header, out) && decode_body(top.kind, top.body, out));
    if (!good) {
        out = Request{};
        out.kind = RequestKind::undecodable;
    }
    return out;
}

}  // namespace kvctl::raft
