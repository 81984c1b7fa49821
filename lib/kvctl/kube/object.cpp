#include "kvctl/kube/object.hpp"

#include <algorithm>
#include <charconv>

#include "kvctl/base/proto.hpp"
#include "kvctl/kube/json_text.hpp"

namespace kvctl::kube {
namespace {

constexpr std::string_view k_leases = "coordination.k8s.io/";

void keep_newest(std::optional<Time>& newest, std::optional<Time> time) noexcept {
    if (time && (!newest || *newest < *time)) newest = time;
}

bool is_event(std::string_view api_version, std::string_view kind) noexcept {
    return kind == "Event" && (api_version == "v1" || api_version.starts_with("events.k8s.io/"));
}

Manager read_manager(std::string_view message, bool& broken) noexcept {
    Manager m;
    proto::Reader reader(message);
    while (reader.next()) {
        switch (reader.field()) {
            case 1:
                m.name = reader.bytes();
                break;
            case 2:
                m.operation = reader.bytes();
                break;
            case 3:
                m.api_version = reader.bytes();
                break;
            case 4:
                m.time = decode_time(reader.bytes());
                break;
            case 7: {
                proto::Reader fields(reader.bytes());
                while (fields.next()) {
                    if (fields.field() == 1) m.fields = fields.bytes();
                }
                break;
            }
            case 8:
                m.subresource = reader.bytes();
                break;
            default:
                break;
        }
    }
    broken = broken || reader.bad();
    return m;
}

}  // namespace

std::string_view Object::group() const noexcept {
    const std::size_t slash = api_version.find('/');
    return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

std::optional<Time> Object::newest_managed() const noexcept {
    std::optional<Time> newest;
    for (const Manager& m : managers) keep_newest(newest, m.time);
    return newest;
}

std::optional<Time> Object::newest_time() const noexcept {
    std::optional<Time> newest = newest_managed();
    keep_newest(newest, created);
    keep_newest(newest, renewed);
    keep_newest(newest, happened);
    return newest;
}

void Object::read(std::string_view stored) {
    value = stored;
    encoding = detect_encoding(stored);
    api_version = kind = name_space = name = holder = {};
    created = renewed = happened = std::nullopt;
    lease_seconds = 0;
    managers.clear();
    texts_.clear();
    is_object = broken = false;
    if (encoding.kind == Encoding::Kind::protobuf) read_protobuf();
    if (encoding.kind == Encoding::Kind::json) read_json();
}

void Object::read_protobuf() {
    api_version = encoding.api_version;
    kind = encoding.object_kind;
    broken = encoding.broken;
    is_object = !broken && !kind.empty();
    if (broken) return;
    proto::Reader reader(encoding.body);
    bool first = true;
    while (reader.next()) {
        // Every stored type has its metadata in field 1, and in front.
        if (reader.field() == 1 && reader.wire_type() == 2) {
            read_protobuf_metadata(reader.bytes());
            if (first && !is_event(api_version, kind) && kind != "Lease") return;
        }
        first = false;
    }
    broken = broken || reader.bad();
    if (kind == "Lease" && api_version.starts_with(k_leases)) read_lease(encoding.body);
    if (is_event(api_version, kind)) read_event(encoding.body);
}

void Object::read_protobuf_metadata(std::string_view message) {
    proto::Reader reader(message);
    while (reader.next()) {
        switch (reader.field()) {
            case 1:
                name = reader.bytes();
                break;
            case 3:
                name_space = reader.bytes();
                break;
            case 8:
                created = decode_time(reader.bytes());
                break;
            case 17:
                managers.push_back(read_manager(reader.bytes(), broken));
                break;
            default:
                break;
        }
    }
    broken = broken || reader.bad();
}

void Object::read_lease(std::string_view body) {
    proto::Reader reader(body);
    while (reader.next()) {
        if (reader.field() != 2) continue;
        proto::Reader spec(reader.bytes());
        while (spec.next()) {
            if (spec.field() == 1) holder = spec.bytes();
            if (spec.field() == 2) lease_seconds = spec.signed_number();
            if (spec.field() == 4) renewed = decode_time(spec.bytes());
        }
        broken = broken || spec.bad();
    }
}

// core/v1 and events.k8s.io number an Event's times otherwise. Of core's: firstTimestamp 6, lastTimestamp 7,
// eventTime 10, series 11 {lastObservedTime 2}; of the other: eventTime 2, series 3, and core's as
// deprecated 13 and 14.
void Object::read_event(std::string_view body) {
    const bool core = api_version == "v1";
    proto::Reader reader(body);
    while (reader.next()) {
        if (reader.wire_type() != 2) continue;
        const std::uint32_t n = reader.field();
        const bool time = core ? n == 6 || n == 7 || n == 10 : n == 2 || n == 13 || n == 14;
        if (time) keep_newest(happened, decode_time(reader.bytes()));
        if (n != (core ? 11U : 3U)) continue;
        proto::Reader series(reader.bytes());
        while (series.next()) {
            if (series.field() == 2 && series.wire_type() == 2)
                keep_newest(happened, decode_time(series.bytes()));
        }
    }
}

std::string_view Object::text_of(std::string_view written) {
    if (json_kind(written) != JsonReader::Kind::string) return {};
    if (written.find('\\') == std::string_view::npos) return written.substr(1, written.size() - 2);
    texts_.emplace_back();
    return json_string(written, texts_.back());
}

void Object::read_json() {
    JsonReader reader(encoding.body);
    std::string_view spec;
    std::string_view metadata;
    JsonReader::Member m;
    while (reader.next_member(m)) {
        if (m.key == "apiVersion") api_version = text_of(m.value);
        if (m.key == "kind") kind = text_of(m.value);
        if (m.key == "metadata") metadata = m.value;
        if (m.key == "spec") spec = m.value;
        if (m.key == "eventTime" || m.key == "lastTimestamp" || m.key == "firstTimestamp")
            keep_newest(happened, parse_time(text_of(m.value)));
        // What follows matters only of a Lease and of an Event.
        if (!kind.empty() && !api_version.empty() && !metadata.empty() && kind != "Lease" && kind != "Event")
            break;
    }
    broken = reader.bad();
    is_object = !broken && !kind.empty();
    if (json_kind(metadata) == JsonReader::Kind::object) read_json_metadata(metadata);
    if (!is_event(api_version, kind)) happened.reset();
    if (kind != "Lease" || !api_version.starts_with(k_leases)) return;
    JsonReader lease(spec);
    while (json_kind(spec) == JsonReader::Kind::object && lease.next_member(m)) {
        if (m.key == "holderIdentity") holder = text_of(m.value);
        if (m.key == "renewTime") renewed = parse_time(text_of(m.value));
        if (m.key == "leaseDurationSeconds")
            std::from_chars(m.value.data(), m.value.data() + m.value.size(), lease_seconds);
    }
}

void Object::read_json_metadata(std::string_view text) {
    JsonReader reader(text);
    for (JsonReader::Member m; reader.next_member(m);) {
        if (m.key == "name") name = text_of(m.value);
        if (m.key == "namespace") name_space = text_of(m.value);
        if (m.key == "creationTimestamp") created = parse_time(text_of(m.value));
        if (m.key == "managedFields" && json_kind(m.value) == JsonReader::Kind::array)
            read_json_managers(m.value);
    }
}

void Object::read_json_managers(std::string_view text) {
    JsonReader entries(text);
    for (JsonReader::Member entry; entries.next_member(entry);) {
        Manager one;
        if (json_kind(entry.value) != JsonReader::Kind::object) continue;
        JsonReader reader(entry.value);
        for (JsonReader::Member m; reader.next_member(m);) {
            if (m.key == "manager") one.name = text_of(m.value);
            if (m.key == "operation") one.operation = text_of(m.value);
            if (m.key == "apiVersion") one.api_version = text_of(m.value);
            if (m.key == "subresource") one.subresource = text_of(m.value);
            if (m.key == "time") one.time = parse_time(text_of(m.value));
            if (m.key == "fieldsV1") one.fields = m.value;
        }
        managers.push_back(one);
    }
}

}  // namespace kvctl::kube
