#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "kvctl/base/proto.hpp"
#include "kvctl/raft/request.hpp"

// What the files that decode a request share. Not installed.
namespace kvctl::raft {

/// The fields of a message whose wire types must be as the schema says; anything else is malformed, as for
/// etcd.
class Fields {
  public:
    explicit Fields(std::string_view message) noexcept : reader_(message) {}
    bool next() noexcept { return ok_ && reader_.next(); }
    [[nodiscard]] std::uint32_t field() const noexcept { return reader_.field(); }
    [[nodiscard]] bool ok() const noexcept { return ok_ && !reader_.bad(); }

    void take(std::string_view& out) noexcept {
        if (expect(2)) out = reader_.bytes();
    }
    void take(std::int64_t& out) noexcept {
        if (expect(0)) out = reader_.signed_number();
    }
    void take(std::uint64_t& out) noexcept {
        if (expect(0)) out = reader_.number();
    }
    void take(bool& out) noexcept {
        if (expect(0)) out = reader_.number() != 0;
    }
    std::string_view message() noexcept { return expect(2) ? reader_.bytes() : std::string_view{}; }
    void fail() noexcept { ok_ = false; }

  private:
    bool expect(int wire_type) noexcept {
        ok_ = ok_ && reader_.wire_type() == wire_type;
        return ok_;
    }
    proto::Reader reader_;
    bool ok_ = true;
};

/// An operation by its field in InternalRaftRequest. Where several are set, etcd takes the one of the lowest
/// rank.
struct RankedOperation {
    std::size_t rank = 0;
    RequestKind kind = RequestKind::unknown;
};
[[nodiscard]] std::optional<RankedOperation> operation_of_field(std::uint32_t field) noexcept;
/// The same for a field whose tag is one byte (below 16); `unknown` where there is none.
[[nodiscard]] RequestKind operation_of_short_field(unsigned field) noexcept;

/// The request's header, and its body where the kind has one that reaches the key space. False: malformed.
[[nodiscard]] bool decode_header(std::string_view message, Request& out) noexcept;
[[nodiscard]] bool decode_body(RequestKind kind, std::string_view message, Request& out);

}  // namespace kvctl::raft
