#include "kvctl/mvcc/record.hpp"

#include "kvctl/base/proto.hpp"

namespace kvctl::mvcc {

void append_key_value(std::string& out, const Record& r) {
    const auto number = [&](std::uint32_t field, std::int64_t value) {
        if (value != 0) proto::append_number(out, field, static_cast<std::uint64_t>(value));
    };
    if (!r.key.empty()) proto::append_bytes(out, 1, r.key);
    if (r.tombstone || is_restore_marker(r)) return;
    number(2, r.create_revision);
    number(3, r.revision.main);
    number(4, r.version);
    if (!r.value.empty()) proto::append_bytes(out, 5, r.value);
    number(6, r.lease);
}

bool decode_key_value(std::string_view message, KeyValue& out) noexcept {
    out = {};
    proto::Reader r(message);
    while (r.next()) {
        const bool is_bytes = r.field() == 1 || r.field() == 5;
        if (r.field() <= 6 && r.wire_type() != (is_bytes ? 2 : 0)) return false;
        switch (r.field()) {
            case 1:
                out.key = r.bytes();
                break;
            case 2:
                out.create_revision = r.signed_number();
                break;
            case 3:
                out.mod_revision = r.signed_number();
                break;
            case 4:
                out.version = r.signed_number();
                break;
            case 5:
                out.value = r.bytes();
                break;
            case 6:
                out.lease = r.signed_number();
                break;
            default:
                break;
        }
    }
    return !r.bad();
}

}  // namespace kvctl::mvcc
