#include "kvctl/raft/auth_watch.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/base/proto.hpp"

using namespace kvctl;
using namespace kvctl::raft;

namespace {

// An InternalRaftRequest with one operation whose fields 1 and 2 are strings, asked for by `user`.
std::string operation(std::uint32_t field, const std::string& first, const std::string& second = "",
                      const std::string& user = "") {
    std::string body;
    if (!first.empty()) proto::append_bytes(body, 1, first);
    if (!second.empty()) proto::append_bytes(body, 2, second);
    std::string request;
    if (!user.empty()) {
        std::string header;
        proto::append_bytes(header, 2, user);
        proto::append_bytes(request, 100, header);
    }
    proto::append_bytes(request, field, body);
    return request;
}

const std::string k_add_root = operation(1100, "root", "secret");
const std::string k_grant_root = operation(1104, "root", "root");
const std::string k_enable = operation(1000, "");
const std::string k_put = operation(4, "k", "v");

// The index of the entry that showed it, 0 when authentication is off.
std::uint64_t watch(bool whole, const std::vector<std::string>& log) {
    AuthWatch w(whole);
    std::uint64_t index = 0;
    for (const std::string& data : log) {
        const EntryView e{LogIndex{++index}, Term{1}, EntryType::normal, data, true};
        w.see(e, decode_request(e));
    }
    return w.enabled_by().value_or(LogIndex{0}).value();
}

}  // namespace

TEST_CASE("auth watch: enabling succeeds only with a user root that holds the role root") {
    CHECK(watch(true, {k_put, k_put}) == 0);
    CHECK(watch(true, {k_enable}) == 0);
    CHECK(watch(true, {k_add_root, k_enable}) == 0);
    CHECK(watch(true, {k_grant_root, k_add_root, k_enable}) == 0);
    CHECK(watch(true, {k_add_root, k_grant_root}) == 0);
    CHECK(watch(true, {k_add_root, k_grant_root, k_put, k_enable, k_put}) == 4);
    CHECK(watch(true, {operation(1100, "me"), operation(1104, "me", "root"), k_enable}) == 0);
}

TEST_CASE("auth watch: what takes the role away again") {
    CHECK(watch(true, {k_add_root, k_grant_root, operation(1101, "root"), k_enable}) == 0);
    CHECK(watch(true, {k_add_root, k_grant_root, operation(1105, "root", "root"), k_enable}) == 0);
    CHECK(watch(true, {k_add_root, k_grant_root, operation(1105, "root", "guest"), k_enable}) == 4);
    // A role that was never added cannot be deleted, though it can be granted.
    CHECK(watch(true, {k_add_root, k_grant_root, operation(1201, "root"), k_enable}) == 4);
    CHECK(watch(true,
                {operation(1200, "root"), k_add_root, k_grant_root, operation(1201, "root"), k_enable}) == 0);
}

TEST_CASE("auth watch: a log that does not begin at the first entry is not trusted to fail") {
    CHECK(watch(false, {k_put, k_enable}) == 2);
}

TEST_CASE("auth watch: a request that names its user shows that authentication is on") {
    CHECK(watch(true, {k_put, operation(4, "k", "v", "alice")}) == 2);
    std::string revision;
    proto::append_number(revision, 3, 5);
    std::string request;
    proto::append_bytes(request, 100, revision);
    CHECK(watch(true, {request + k_put}) == 1);
}

TEST_CASE("auth watch: root can switch it off") {
    CHECK(watch(true, {k_add_root, k_grant_root, k_enable, operation(1011, "", "", "root"), k_put}) == 0);
    CHECK(watch(true, {k_add_root, k_grant_root, k_enable, operation(1011, "", "", "alice")}) == 3);
}
