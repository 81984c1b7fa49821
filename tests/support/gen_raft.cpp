#include "gen_raft.hpp"

#include <utility>

namespace kvctl::gen {

namespace {

// Fields of etcd's InternalRaftRequest and of the messages in it.
constexpr unsigned k_put = 4;
constexpr unsigned k_delete_range = 5;
constexpr unsigned k_txn = 6;
constexpr unsigned k_lease_grant = 8;
constexpr unsigned k_header = 100;
constexpr unsigned k_txn_success = 2;
constexpr unsigned k_txn_put = 2;
constexpr unsigned k_txn_delete_range = 3;

}  // namespace

Message& Message::number(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3U);
    varint(value);
    return *this;
}

Message& Message::bytes(unsigned field, std::string_view value) {
    varint((std::uint64_t{field} << 3U) | 2U);
    varint(value.size());
    bytes_ += value;
    return *this;
}

void Message::varint(std::uint64_t value) {
    for (; value > 0x7f; value >>= 7U) {
        bytes_ += static_cast<char>((value & 0x7fU) | 0x80U);
    }
    bytes_ += static_cast<char>(value);
}

void Request::put(std::string_view key, std::string_view value, std::int64_t lease) {
    Message body;
    body.bytes(1, key).bytes(2, value);
    if (lease != 0) {
        body.number(3, static_cast<std::uint64_t>(lease));
    }
    operation(k_put, k_txn_put, body);
}

void Request::remove(std::string_view key) {
    operation(k_delete_range, k_txn_delete_range, Message().bytes(1, key));
}

void Request::operation(unsigned request_field, unsigned txn_field, const Message& body) {
    if (operations_++ == 0) {
        single_.clear();
        single_.bytes(request_field, body.str());
        txn_.clear();
    }
    txn_.bytes(k_txn_success, Message().bytes(txn_field, body.str()).str());
}

const std::string& Request::take(std::uint64_t index) {
    const Message inner = operations_ == 1 ? single_ : Message().bytes(k_txn, txn_.str());
    operations_ = 0;
    whole_ = inner;
    whole_.bytes(k_header, Message().number(1, raft_request_id(index)).str());
    return whole_.str();
}

Entry opening_entry(std::uint64_t index) {
    static std::string data;
    if (index == 1) {
        data = Message().number(1, 1).number(2, 0).number(3, k_raft_member).bytes(4, "{\"id\":1}").str();
        return {index, 1, 1, data};
    }
    if (index == 2) {
        return {index, 2, 0, {}};
    }
    const std::uint64_t number = index - 3;
    Message grant;
    grant.number(1, static_cast<std::uint64_t>(lease_ttl(number)));
    grant.number(2, static_cast<std::uint64_t>(k_first_lease) + number);
    Message whole;
    whole.bytes(k_lease_grant, grant.str())
        .bytes(k_header, Message().number(1, raft_request_id(index)).str());
    data = whole.str();
    return {index, 2, 0, data};
}

RaftTable::RaftTable(NewDatabase& db, std::uint64_t last_main, std::uint64_t entries)
    : insert_(db, "INSERT INTO raft_entry VALUES (?, ?, ?, ?)"),
      last_(raft_index_of(last_main)),
      snapshot_(last_ > entries ? last_ - entries : 0) {
    for (std::uint64_t index = snapshot_ + 1; index < raft_index_of(k_first_main); ++index) {
        insert(opening_entry(index));
    }
}

void RaftTable::end_of_transaction(std::uint64_t main) {
    const std::uint64_t index = raft_index_of(main);
    const std::string& data = request_.take(index);
    if (index > snapshot_) {
        insert({index, 2, 0, data});
    }
}

void RaftTable::insert(const Entry& entry) {
    insert_.integers(
        {static_cast<std::int64_t>(entry.index), static_cast<std::int64_t>(entry.term), entry.type});
    if (entry.data.empty()) {
        insert_.null(4);
    } else {
        insert_.blob(4, entry.data);
    }
    insert_.row();
}

void RaftTable::write_meta(NewDatabase& db) const {
    Insert meta(db, "INSERT INTO meta VALUES (?, ?)");
    const std::uint64_t snapshot_term = snapshot_ == 0 ? 0 : snapshot_ == 1 ? 1 : 2;
    const std::pair<const char*, std::uint64_t> rows[]{{"raft_snapshot_index", snapshot_},
                                                       {"raft_snapshot_term", snapshot_term},
                                                       {"raft_term", 2},
                                                       {"raft_vote", k_raft_member},
                                                       {"raft_commit", last_}};
    for (const auto& [name, value] : rows) {
        meta.text(1, name);
        meta.integer(2, static_cast<std::int64_t>(value));
        meta.row();
    }
}

}  // namespace kvctl::gen
