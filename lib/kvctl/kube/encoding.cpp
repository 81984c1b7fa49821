#include "kvctl/kube/encoding.hpp"

#include <algorithm>

#include "kvctl/base/proto.hpp"

namespace kvctl::kube {
namespace {

constexpr std::string_view k_protobuf{"k8s\0", 4};
constexpr std::string_view k_encrypted = "k8s:enc:";
constexpr std::size_t k_longest_name = 256;  // of a part of an encrypted value's head

std::string_view take_part(std::string_view& text) noexcept {
    const std::size_t colon = std::min(text.substr(0, k_longest_name).find(':'), text.size());
    const std::string_view part = text.substr(0, colon);
    text.remove_prefix(std::min(colon + 1, text.size()));
    return part;
}

void read_envelope(std::string_view message, Encoding& e) noexcept {
    proto::Reader reader(message);
    while (reader.next()) {
        if (reader.field() == 1 && reader.wire_type() == 2) {
            proto::Reader type(reader.bytes());
            while (type.next()) {
                if (type.field() == 1) e.api_version = type.bytes();
                if (type.field() == 2) e.object_kind = type.bytes();
            }
            e.broken = e.broken || type.bad();
        } else if (reader.field() == 2 && reader.wire_type() == 2) {
            e.body = reader.bytes();
        }
    }
    e.broken = e.broken || reader.bad();
}

}  // namespace

Encoding detect_encoding(std::string_view value) noexcept {
    Encoding e;
    if (value.empty()) {
        e.kind = Encoding::Kind::empty;
    } else if (value.starts_with(k_protobuf)) {
        e.kind = Encoding::Kind::protobuf;
        read_envelope(value.substr(k_protobuf.size()), e);
    } else if (value.starts_with(k_encrypted)) {
        e.kind = Encoding::Kind::encrypted;
        value.remove_prefix(k_encrypted.size());
        e.provider = take_part(value);
        e.version = take_part(value);
        e.key_name = take_part(value);
    } else if (value.front() == '{') {
        e.kind = Encoding::Kind::json;
        e.body = value;
    }
    return e;
}

std::string name_of_encryption(const Encoding& e) {
    std::string name(e.provider);
    if (e.version != "v1" && !e.version.empty()) name.append(" ").append(e.version);
    return name.append(":").append(e.key_name);
}

}  // namespace kvctl::kube
