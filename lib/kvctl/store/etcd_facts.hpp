#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvctl::store {

/// What an etcd db holds beside the rows of its keys.
struct EtcdFacts {
    struct Member {
        std::uint64_t id = 0;
        std::string name;  ///< empty: it has not said so yet
        bool learner = false;
    };
    struct Alarm {
        std::uint64_t member = 0;
        std::string type;  ///< "NOSPACE", "CORRUPT", or the number of another
        std::string name;  ///< of that member; empty where it is not known
        /// The id is none of the cluster's members: a restore keeps the alarm of the member it came from.
        bool foreign = false;

        /// "NOSPACE of member m1 (8e9e05c52164694d)" and how it came to be.
        [[nodiscard]] std::string text() const;
    };
    struct Leases {
        std::uint64_t count = 0;
        std::optional<std::int64_t> ttl_min;  ///< seconds; nullopt without any
        std::optional<std::int64_t> ttl_max;
    };
    struct Bucket {
        std::string name;
        std::uint64_t keys = 0;
        std::uint64_t bytes = 0;  ///< of keys and values
        std::uint64_t pages = 0;  ///< 0: inline, inside the page that names it
    };

    std::optional<std::string> cluster_version;
    std::optional<std::string> storage_version;
    std::vector<Member> members;  ///< by id
    std::vector<Alarm> alarms;
    Leases leases;
    std::vector<Bucket> buckets;  ///< by name, unknown ones included
};

/// How an alarm is taken away, for whoever is told of one.
inline constexpr const char* k_way_out_of_alarm =
    "free space (compact, then defrag), then 'etcdctl alarm disarm': until then the cluster takes no writes";

}  // namespace kvctl::store
