#include "kvctl/jobs/hash.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::jobs {
namespace {

mvcc::KvHash::Request request_of(const OpenedStore& opened, const HashRequest& asked) {
    mvcc::KvHash::Request request;
    request.at = asked.at;
    request.as_if_compacted = asked.if_compacted;
    request.rules = opened.rules;
    request.current = opened.head.current;
    // A server that opens the store takes up a compaction that was cut short before it answers.
    request.compacted = opened.head.compaction_asked();
    request.per_key = asked.per_key;
    return request;
}

}  // namespace

HashResult hash(OpenedStore& opened, const HashRequest& asked) {
    store::Store& store = *opened.store;
    const std::string& path = store.info().path;
    if (!store.traits().versions) {
        throw Error(
            ErrorKind::refused,
            fmt::format("{}: HashKV covers versions and sub-revisions, which a {} store does not keep; "
                        "'kvctl diff A B' compares two stores",
                        path, name_of(store.info().layout)));
    }
    HashResult result;
    report::HashReport& report = result.report;
    report.path = path;
    note_head(store, opened.head, report.notes);
    try {
        const mvcc::KvHash::Request request = request_of(opened, asked);
        result.hash = std::make_unique<mvcc::KvHash>(request);
        mvcc::KvHash& hash = *result.hash;
        std::uint64_t n = 0;
        store.every_record(
            [&](const mvcc::Record& r) {
                if ((++n & 0xFFF) == 0) check_interrupt();
                hash.add(r);
            },
            [&] { hash.restart(); });
        report.result = hash.finish();
        report.index = &hash.index();
        note_open_choice(opened, hash.index(), request.as_if_compacted.value_or(request.compacted),
                         report.notes);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::compacted && e.kind() != ErrorKind::future_revision) throw;
        throw Error(e.kind(), fmt::format("{}: {}", path, e.what()));
    }
    return result;
}

}  // namespace kvctl::jobs
