#pragma once
#include <string>

#include "kvctl/base/proto.hpp"

namespace kvctl::test {

/// InternalRaftRequests as etcd encodes them, for the data of an entry.
inline std::string put_request(const std::string& key, const std::string& value) {
    std::string body;
    proto::append_bytes(body, 1, key);
    proto::append_bytes(body, 2, value);
    std::string request;
    proto::append_bytes(request, 4, body);
    return request;
}

inline std::string delete_request(const std::string& key) {
    std::string body;
    proto::append_bytes(body, 1, key);
    std::string request;
    proto::append_bytes(request, 5, body);
    return request;
}

}  // namespace kvctl::test
