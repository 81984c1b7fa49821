#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// Kubernetes objects as the API server stores them, made by hand. Times are seconds since 1970.
namespace kvctl::test {

struct ManagerEntry {
    std::string manager;
    std::int64_t time = 0;
    std::string fields = "{}";
};

struct KubeMeta {
    std::string name;
    std::string name_space;
    std::int64_t created = 0;
    std::vector<ManagerEntry> managers{};
    std::vector<std::pair<std::string, std::string>> annotations{};
};

[[nodiscard]] std::string encode(const KubeMeta& meta);
/// The envelope around an object's message.
[[nodiscard]] std::string stored(const std::string& api_version, const std::string& kind,
                                 const std::string& raw);

[[nodiscard]] std::string make_lease(const KubeMeta& meta, const std::string& holder, std::int64_t renewed,
                                     std::int64_t seconds = 40);
[[nodiscard]] std::string make_config_map(const KubeMeta& meta,
                                          const std::vector<std::pair<std::string, std::string>>& data);
[[nodiscard]] std::string make_secret(const KubeMeta& meta,
                                      const std::vector<std::pair<std::string, std::string>>& data);
/// core/v1; `count` is how often it was seen.
[[nodiscard]] std::string make_event(const KubeMeta& meta, std::int64_t seen, std::int64_t count);
/// A Node with one condition.
[[nodiscard]] std::string make_node(const KubeMeta& meta, const std::string& status, std::int64_t heartbeat,
                                    std::int64_t transition);
/// JSON, as a custom resource is stored; `spec` is JSON.
[[nodiscard]] std::string make_custom(const std::string& api_version, const std::string& kind,
                                      const KubeMeta& meta, const std::string& spec);

}  // namespace kvctl::test
