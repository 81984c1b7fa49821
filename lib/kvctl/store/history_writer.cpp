// The writing half of history_file.hpp.
#include "kvctl/store/history_file.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::store {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_split_line = std::size_t{16} << 20;  // a longer transaction goes on in a new line

void append_number(std::string& out, const char* name, std::int64_t value) {
    out += name;
    out += std::to_string(value);
}

}  // namespace

HistoryWriter::HistoryWriter(std::ostream& out, const HistoryHeader& header) : out_(out) {
    Json j{{"format", k_history_format}, {"layout", header.layout}};
    if (header.current) j["current_revision"] = header.current->value();
    if (header.rows) j["entries"] = *header.rows;
    j["meta"] = Json::object();
    for (const auto& [name, value] : header.meta) {
        if (!is_utf8(name)) {
            throw Error(ErrorKind::refused,
                        fmt::format("meta row '{}' has a name that is not UTF-8", escape(name)));
        }
        j["meta"][name] = value;
    }
    j["leases"] = Json::array();
    for (const Lease& lease : header.leases) j["leases"].push_back({{"id", lease.id}, {"ttl", lease.ttl}});
    out_ << j.dump() << '\n';
}

void HistoryWriter::add(const mvcc::Record& r) {
    if (open_ != r.revision.main || line_bytes_ > k_split_line) finish();
    std::string op = open_ ? "," : "{\"rev\":" + std::to_string(r.revision.main) + ",\"ops\":[";
    append_number(op, "{\"sub\":", r.revision.sub);
    op += r.tombstone ? R"(,"type":"delete","key":")" : R"(,"type":"put","key":")";
    op += base64_encode(r.key);
    op += R"(","value":")";
    op += base64_encode(r.value);
    append_number(op, R"(","lease":)", r.lease);
    append_number(op, ",\"create_revision\":", r.create_revision);
    append_number(op, ",\"version\":", r.version);
    op += '}';
    if (op.size() + k_split_line > HistoryReader::k_longest_line) {
        throw Error(ErrorKind::refused,
                    mvcc::revision_text(r.revision) + ": its value is too long for a line");
    }
    out_ << op;
    open_ = r.revision.main;
    line_bytes_ += op.size();
}

void HistoryWriter::finish() {
    if (open_) out_ << "]}\n";
    open_.reset();
    line_bytes_ = 0;
}

}  // namespace kvctl::store
