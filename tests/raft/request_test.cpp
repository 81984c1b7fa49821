#include "kvctl/raft/request.hpp"

#include <doctest/doctest.h>

#include <string>

#include "kvctl/base/proto.hpp"

using namespace kvctl;
using raft::RequestKind;

namespace {

// "1:5 4:<1:"k" 2:"v">" made by calls: a message under construction.
class Message {
  public:
    Message& number(std::uint32_t field, std::uint64_t value) {
        proto::append_number(bytes_, field, value);
        return *this;
    }
    Message& bytes(std::uint32_t field, std::string_view value) {
        proto::append_bytes(bytes_, field, value);
        return *this;
    }
    Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.bytes_); }
    [[nodiscard]] const std::string& str() const { return bytes_; }

  private:
    std::string bytes_;
};

raft::EntryView normal(const std::string& data) {
    return {LogIndex{7}, Term{2}, raft::EntryType::normal, data, true};
}

}  // namespace

TEST_CASE("raft request: the kind follows from the top-level fields") {
    struct Row {
        std::string name;
        std::string data;
        RequestKind kind;
    };
    const Message empty;
    const std::vector<Row> rows = {
        {"no data", "", RequestKind::empty},
        {"put", Message().message(100, Message().number(1, 9)).message(4, Message().bytes(1, "k")).str(),
         RequestKind::put},
        {"put of nothing", Message().message(4, empty).str(), RequestKind::put},
        {"compaction", Message().message(7, Message().number(1, 3)).str(), RequestKind::compaction},
        {"two operations: etcd looks for put before txn", Message().message(6, empty).message(4, empty).str(),
         RequestKind::put},
        {"cluster version before everything", Message().message(4, empty).message(1300, empty).str(),
         RequestKind::cluster_version_set},
        {"alarm", Message().message(10, empty).str(), RequestKind::alarm},
        {"auth", Message().message(1103, empty).str(), RequestKind::auth_user_change_password},
        {"old request, bare: its field 4 is a string",
         Message().number(1, 5).bytes(2, "PUT").bytes(3, "/0/version").bytes(4, "3.4.0").number(5, 0).str(),
         RequestKind::v2},
        {"old request, wrapped", Message().message(2, Message().bytes(2, "PUT")).str(), RequestKind::v2},
        {"a header alone", Message().message(100, Message().number(1, 9)).str(), RequestKind::unknown},
        {"an operation of the future", Message().message(5000, empty).str(), RequestKind::unknown},
        {"cut short", Message().message(4, Message().bytes(1, "key")).str().substr(0, 4),
         RequestKind::undecodable},
        {"a put that is a number", Message().number(4, 1).str(), RequestKind::undecodable},
        {"field number 0", std::string("\0\0", 2), RequestKind::undecodable},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(raft::name_of(raft::classify(normal(row.data))) == raft::name_of(row.kind));
        CHECK(raft::name_of(raft::decode_request(normal(row.data)).kind) == raft::name_of(row.kind));
    }
}

TEST_CASE("raft request: the order in which etcd writes the fields is read like any other") {
    const std::string header = Message().message(100, Message().number(1, 9).bytes(2, "root")).str();
    for (std::uint32_t field = 1; field < 16; ++field) {
        CAPTURE(field);
        const std::string operation = Message().message(field, Message()).str();
        const std::string as_written = operation + header;
        const std::string turned_round = header + operation;
        const raft::Request usual = raft::decode_request(normal(as_written));
        const raft::Request turned = raft::decode_request(normal(turned_round));
        CHECK(raft::name_of(usual.kind) == raft::name_of(turned.kind));
        CHECK(usual.username == turned.username);
        CHECK(usual.id == turned.id);
        CHECK(usual.body.index() == turned.body.index());
        CHECK(raft::classify(normal(operation + header)) == usual.kind);
        CHECK(raft::classify(normal(operation + header + operation)) == usual.kind);
        CHECK(raft::classify(normal(operation + header + "\x22\x05")) == RequestKind::undecodable);
        CHECK(raft::classify(normal(operation + header.substr(0, header.size() - 1))) ==
              RequestKind::undecodable);
    }
    const std::string put = Message().message(4, Message()).str() + header;
    CHECK(raft::decode_request(normal(put)).username == "root");
}

TEST_CASE("raft request: every kind has a name of its own that leads back to it") {
    for (std::size_t i = 0; i < raft::k_request_kinds; ++i) {
        const auto kind = static_cast<RequestKind>(i);
        CAPTURE(i);
        CHECK_FALSE(raft::name_of(kind).empty());
        CHECK(raft::request_kind(raft::name_of(kind)) == kind);
    }
    CHECK_FALSE(raft::request_kind("Put").has_value());
    CHECK(raft::is_auth(RequestKind::auth_enable));
    CHECK(raft::is_auth(RequestKind::auth_role_revoke_permission));
    CHECK_FALSE(raft::is_auth(RequestKind::lease_checkpoint));
    CHECK_FALSE(raft::is_auth(RequestKind::cluster_version_set));
}

TEST_CASE("raft request: a put with everything") {
    const std::string data = Message()
                                 .message(100, Message().number(1, 77).bytes(2, "alice").number(3, 4))
                                 .message(4, Message()
                                                 .bytes(1, std::string("k\0", 2))
                                                 .bytes(2, "v")
                                                 .number(3, 0xFFFFFFFFFFFFFFFF)
                                                 .number(4, 1)
                                                 .number(5, 1)
                                                 .number(6, 1))
                                 .str();
    const raft::Request r = raft::decode_request(normal(data));
    CHECK(r.id == 77);
    CHECK(r.username == "alice");
    CHECK(r.auth_revision == 4);
    const auto& put = std::get<raft::Put>(r.body);
    CHECK(put.key == std::string_view("k\0", 2));
    CHECK(put.value == "v");
    CHECK(put.lease == -1);
    CHECK(put.prev_kv);
    CHECK(put.ignore_value);
    CHECK(put.ignore_lease);
}

TEST_CASE("raft request: a nested transaction with compares") {
    const Message inner = Message().message(2, Message().message(3, Message().bytes(1, "a").bytes(2, "b")));
    const std::string data =
        Message()
            .message(6, Message()
                            .message(1, Message().number(1, 2).number(2, 2).bytes(3, "key").number(6, 12))
                            .message(1, Message().number(2, 3).bytes(3, "key").number(4, 12))
                            .message(2, Message().message(2, Message().bytes(1, "x")))
                            .message(2, Message().message(4, inner))
                            .message(3, Message().message(1, Message().bytes(1, "y").number(4, 6)))
                            .message(3, Message()))
            .str();
    const raft::Request r = raft::decode_request(normal(data));
    const auto& txn = std::get<raft::Txn>(r.body);
    REQUIRE(txn.compare.size() == 2);
    CHECK(txn.compare[0].result == raft::Compare::Result::less);
    CHECK(txn.compare[0].target == raft::Compare::Target::mod);
    CHECK(txn.compare[0].operand_number() == 12);
    // The operand stands in another arm than the target: it counts as empty.
    CHECK(txn.compare[1].target == raft::Compare::Target::value);
    CHECK(txn.compare[1].operand_bytes().empty());
    CHECK(txn.compare[1].operand_number() == 0);
    REQUIRE(txn.success.size() == 2);
    CHECK(std::get<raft::Put>(txn.success[0]).key == "x");
    const auto& nested = std::get<std::unique_ptr<raft::Txn>>(txn.success[1]);
    CHECK(std::get<raft::DeleteRange>(nested->success.at(0)).range_end == "b");
    REQUIRE(txn.failure.size() == 2);
    CHECK(std::get<raft::Range>(txn.failure[0]).revision == 6);
    CHECK(std::holds_alternative<std::monostate>(txn.failure[1]));
}

TEST_CASE("raft request: the other operations") {
    const auto body = [](const std::string& data) { return raft::decode_request(normal(data)).body; };
    const std::string compaction = Message().message(7, Message().number(1, 5).number(2, 1)).str();
    CHECK(std::get<raft::Compaction>(body(compaction)).revision == 5);
    CHECK(std::get<raft::Compaction>(body(compaction)).physical);
    const std::string grant = Message().message(8, Message().number(1, 600).number(2, 99)).str();
    CHECK(std::get<raft::LeaseGrant>(body(grant)).ttl == 600);
    CHECK(std::get<raft::LeaseGrant>(body(grant)).id == 99);
    const std::string revoke = Message().message(9, Message().number(1, 99)).str();
    CHECK(std::get<raft::LeaseRevoke>(body(revoke)).id == 99);
    const std::string alarm = Message().message(10, Message().number(1, 1).number(2, 8).number(3, 1)).str();
    CHECK(std::get<raft::Alarm>(body(alarm)).action == raft::Alarm::Action::activate);
    CHECK(std::get<raft::Alarm>(body(alarm)).member_id == 8);
    CHECK(std::get<raft::Alarm>(body(alarm)).alarm == 1);
}

TEST_CASE("raft request: damage below the top level shows when the whole is decoded") {
    const std::string data = Message().message(4, Message().number(1, 5)).str();  // a key that is a number
    CHECK(raft::classify(normal(data)) == RequestKind::put);
    CHECK(raft::decode_request(normal(data)).kind == RequestKind::undecodable);
}

TEST_CASE("raft request: transactions may be nested only so deep") {
    const auto nested = [](int depth) {
        Message txn;
        for (int i = 0; i < depth; ++i) txn = Message().message(2, Message().message(4, txn));
        return Message().message(6, txn).str();
    };
    CHECK(raft::decode_request(normal(nested(raft::k_max_txn_depth))).kind == RequestKind::txn);
    CHECK(raft::decode_request(normal(nested(raft::k_max_txn_depth + 1))).kind == RequestKind::undecodable);
    CHECK(raft::decode_request(normal(nested(5000))).kind == RequestKind::undecodable);
}

TEST_CASE("raft request: configuration changes") {
    const std::string data = Message().number(1, 0).number(2, 3).number(3, 42).bytes(4, "{}").str();
    const raft::EntryView entry{LogIndex{1}, Term{1}, raft::EntryType::conf_change, data, true};
    CHECK(raft::classify(entry) == RequestKind::conf_change);
    const auto change = raft::decode_conf_change(data);
    REQUIRE(change);
    CHECK(raft::conf_change_name(change->type) == "ConfChangeAddLearnerNode");
    CHECK(change->node_id == 42);
    CHECK(raft::conf_change_name(4).empty());
    const std::string broken = "\x08";
    CHECK(raft::classify({LogIndex{1}, Term{1}, raft::EntryType::conf_change, broken, true}) ==
          RequestKind::undecodable);
}
