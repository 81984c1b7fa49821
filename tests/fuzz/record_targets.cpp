#include <sstream>
#include <string>
#include <vector>

#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/history_file.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
namespace {

mvcc::Record record_of(const mvcc::KeyValue& kv) {
    mvcc::Record r;
    r.revision = {kv.mod_revision, 0};
    r.key = kv.key;
    r.create_revision = kv.create_revision;
    r.version = kv.version;
    r.lease = kv.lease;
    r.value = kv.value;
    return r;
}

bool within(std::string_view part, std::string_view whole) {
    return part.empty() ||
           (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

struct Owned {
    mvcc::Revision revision;
    bool tombstone;
    std::string key;
    std::int64_t create_revision;
    std::int64_t version;
    std::int64_t lease;
    std::string value;
    friend bool operator==(const Owned&, const Owned&) = default;
};

std::vector<Owned> read(store::HistoryReader& reader) {
    std::vector<Owned> rows;
    reader.each([&](const mvcc::Record& r) {
        rows.push_back({r.revision, r.tombstone, std::string(r.key), r.create_revision, r.version, r.lease,
                        std::string(r.value)});
    });
    return rows;
}

}  // namespace

void key_value(std::string_view bytes, Depth /*depth*/) {
    mvcc::KeyValue kv;
    if (!mvcc::decode_key_value(bytes, kv)) return;
    promise(within(kv.key, bytes) && within(kv.value, bytes), "a field lies outside the message");
    // Encoded and decoded once more it must be the same.
    std::string again;
    mvcc::append_key_value(again, record_of(kv));
    if (kv.key.empty() && kv.version == 0) return;  // stands for nothing at all
    mvcc::KeyValue second;
    promise(mvcc::decode_key_value(again, second), "what kvctl encodes it cannot decode");
    promise(second.key == kv.key && second.value == kv.value && second.version == kv.version &&
                second.lease == kv.lease && second.create_revision == kv.create_revision &&
                second.mod_revision == kv.mod_revision,
            "a message changes on its way");
}

void history_file(std::string_view bytes, Depth depth) {
    static MemoryFile file;
    file.write(bytes);
    std::vector<Owned> rows;
    store::HistoryHeader header;
    const bool read_well = survives([&] {
        store::HistoryReader reader(file.path());
        header = reader.header();
        rows = read(reader);
    });
    if (!read_well || depth != Depth::deep) return;
    // What was read can be written, and is read again as it was.
    std::ostringstream out;
    header.rows = rows.size();
    const bool written = survives([&] {
        store::HistoryWriter writer(out, header);
        for (const Owned& o : rows) {
            mvcc::Record r;
            r.revision = o.revision;
            r.tombstone = o.tombstone;
            r.key = o.key;
            r.create_revision = o.create_revision;
            r.version = o.version;
            r.lease = o.lease;
            r.value = o.value;
            writer.add(r);
        }
        writer.finish();
    });
    if (!written) return;
    static MemoryFile copy;
    copy.write(out.str());
    promise(survives([&] {
                store::HistoryReader reader(copy.path());
                promise(reader.header().meta == header.meta && reader.header().leases == header.leases,
                        "a history's header changes on its way");
                promise(read(reader) == rows, "a history's rows change on their way");
            }),
            "a history that kvctl wrote cannot be read");
}

}  // namespace kvctl::fuzz
