#include "kvctl/store/bbolt/bbolt_writer.hpp"

#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/bbolt/check.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"

namespace kvctl::store {
namespace {

void add_empty_bucket(bbolt::FileWriter& writer, const char* name) {
    writer.begin_bucket(name, 0);
    writer.end_bucket();
}

std::string be64(std::uint64_t v) {
    std::string out(8, '\0');
    for (std::size_t i = 8; i-- > 0; v >>= 8) out[i] = static_cast<char>(v & 0xFF);
    return out;
}

}  // namespace

// Buckets come in the order of their names; rows are handed over while "key" is open.
BboltWriter::BboltWriter(std::string path, bool snapshot)
    : path_(std::move(path)),
      snapshot_(snapshot),
      file_(path_),
      writer_(file_.descriptor(), file_.path(), {}) {
    for (const char* const name : {"alarm", "auth", "authRoles", "authUsers", "cluster"})
        add_empty_bucket(writer_, name);
    writer_.begin_bucket("key", 0);
}

void BboltWriter::add(const mvcc::Record& record) {
    const mvcc::EncodedRevision key(record.revision, record.tombstone);
    message_.clear();
    mvcc::append_key_value(message_, record);
    writer_.add(key.bytes(), message_);
}

void BboltWriter::add(const Lease& lease) {
    std::string& message = leases_[static_cast<std::uint64_t>(lease.id)];
    message.clear();
    if (lease.id != 0) proto::append_number(message, 1, static_cast<std::uint64_t>(lease.id));
    if (lease.ttl != 0) proto::append_number(message, 2, static_cast<std::uint64_t>(lease.ttl));
}

void BboltWriter::set_meta(std::string_view name, std::int64_t value) {
    if (name == "scheduled_compact_rev") scheduled_ = value;
    if (name == "finished_compact_rev") finished_ = value;
}

void BboltWriter::finish() {
    writer_.end_bucket();
    writer_.begin_bucket("lease", 0);
    for (const auto& [id, message] : leases_) writer_.add(be64(id), message);
    writer_.end_bucket();
    for (const char* const name : {"members", "members_removed"}) add_empty_bucket(writer_, name);
    writer_.begin_bucket("meta", 0);
    const auto set = [&](const char* name, const std::optional<std::int64_t>& revision) {
        if (revision) writer_.add(name, mvcc::EncodedRevision({*revision, 0}, false).bytes());
    };
    set("finishedCompactRev", finished_);
    set("scheduledCompactRev", scheduled_);
    writer_.end_bucket();
    const std::uint64_t bytes = writer_.finish();
    {
        const bbolt::File made(file_.path(), bbolt::File::Lock::none);
        Findings findings;
        (void)bbolt::check_structure(made, findings, nullptr);
        if (!findings.empty())
            throw Error(ErrorKind::internal,
                        fmt::format("{}: was not written whole: {}", path_, findings.front().what));
    }
    if (snapshot_) append_digest(file_.descriptor(), file_.path(), bytes);
    file_.sync();
    check_interrupt();
    file_.publish_as_new(path_);
}

}  // namespace kvctl::store
