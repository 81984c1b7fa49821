#include "tests/support/kube_objects.hpp"

#include "kvctl/base/proto.hpp"
#include "kvctl/kube/times.hpp"

namespace kvctl::test {
namespace {

using proto::append_bytes;
using proto::append_number;

std::string time_message(std::int64_t seconds) {
    std::string m;
    append_number(m, 1, static_cast<std::uint64_t>(seconds));
    append_number(m, 2, 0);
    return m;
}

void append_entry(std::string& out, std::uint32_t field, const std::string& key, const std::string& value) {
    std::string entry;
    append_bytes(entry, 1, key);
    append_bytes(entry, 2, value);
    append_bytes(out, field, entry);
}

std::string data_object(const KubeMeta& meta, const std::vector<std::pair<std::string, std::string>>& data) {
    std::string raw;
    append_bytes(raw, 1, encode(meta));
    for (const auto& [key, value] : data) append_entry(raw, 2, key, value);
    return raw;
}

}  // namespace

std::string encode(const KubeMeta& meta) {
    std::string m;
    append_bytes(m, 1, meta.name);
    append_bytes(m, 2, "");
    append_bytes(m, 3, meta.name_space);
    append_bytes(m, 4, "");
    append_bytes(m, 5, "uid-" + meta.name);
    append_bytes(m, 6, "");
    append_number(m, 7, 0);
    append_bytes(m, 8, meta.created == 0 ? "" : time_message(meta.created));
    for (const auto& [key, value] : meta.annotations) append_entry(m, 12, key, value);
    for (const ManagerEntry& e : meta.managers) {
        std::string fields;
        append_bytes(fields, 1, e.fields);
        std::string entry;
        append_bytes(entry, 1, e.manager);
        append_bytes(entry, 2, "Update");
        append_bytes(entry, 3, "v1");
        append_bytes(entry, 4, time_message(e.time));
        append_bytes(entry, 6, "FieldsV1");
        append_bytes(entry, 7, fields);
        append_bytes(m, 17, entry);
    }
    return m;
}

std::string stored(const std::string& api_version, const std::string& kind, const std::string& raw) {
    std::string type;
    append_bytes(type, 1, api_version);
    append_bytes(type, 2, kind);
    std::string unknown;
    append_bytes(unknown, 1, type);
    append_bytes(unknown, 2, raw);
    append_bytes(unknown, 3, "");
    append_bytes(unknown, 4, "");
    return std::string("k8s\0", 4) + unknown;
}

std::string make_lease(const KubeMeta& meta, const std::string& holder, std::int64_t renewed,
                       std::int64_t seconds) {
    std::string spec;
    append_bytes(spec, 1, holder);
    append_number(spec, 2, static_cast<std::uint64_t>(seconds));
    append_bytes(spec, 4, time_message(renewed));
    std::string raw;
    append_bytes(raw, 1, encode(meta));
    append_bytes(raw, 2, spec);
    return stored("coordination.k8s.io/v1", "Lease", raw);
}

std::string make_config_map(const KubeMeta& meta,
                            const std::vector<std::pair<std::string, std::string>>& data) {
    return stored("v1", "ConfigMap", data_object(meta, data));
}

std::string make_secret(const KubeMeta& meta, const std::vector<std::pair<std::string, std::string>>& data) {
    return stored("v1", "Secret", data_object(meta, data));
}

std::string make_event(const KubeMeta& meta, std::int64_t seen, std::int64_t count) {
    std::string raw;
    append_bytes(raw, 1, encode(meta));
    append_bytes(raw, 3, "Why");
    append_bytes(raw, 7, time_message(seen));
    append_number(raw, 8, static_cast<std::uint64_t>(count));
    return stored("v1", "Event", raw);
}

std::string make_node(const KubeMeta& meta, const std::string& status, std::int64_t heartbeat,
                      std::int64_t transition) {
    std::string condition;
    append_bytes(condition, 1, "Ready");
    append_bytes(condition, 2, status);
    append_bytes(condition, 3, time_message(heartbeat));
    append_bytes(condition, 4, time_message(transition));
    std::string node_status;
    append_bytes(node_status, 4, condition);
    std::string raw;
    append_bytes(raw, 1, encode(meta));
    append_bytes(raw, 2, "");
    append_bytes(raw, 3, node_status);
    return stored("v1", "Node", raw);
}

std::string make_custom(const std::string& api_version, const std::string& kind, const KubeMeta& meta,
                        const std::string& spec) {
    const auto time = [](std::int64_t seconds) {
        return "\"" + kube::format_time(kube::Time(seconds * kube::k_second)) + "\"";
    };
    std::string managers;
    for (const ManagerEntry& e : meta.managers) {
        managers += (managers.empty() ? "" : ",") + std::string(R"({"manager":")") + e.manager +
                    R"(","operation":"Update","apiVersion":")" + api_version + R"(","time":)" + time(e.time) +
                    R"(,"fieldsType":"FieldsV1","fieldsV1":)" + e.fields + "}";
    }
    return R"({"apiVersion":")" + api_version + R"(","kind":")" + kind + R"(","metadata":{"name":")" +
           meta.name + R"(","namespace":")" + meta.name_space + R"(","creationTimestamp":)" +
           time(meta.created) + R"(,"managedFields":[)" + managers + R"(]},"spec":)" + spec + "}";
}

}  // namespace kvctl::test
