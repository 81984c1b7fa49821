#include "tests/support/both_readers.hpp"

#include <optional>
#include <sstream>
#include <tuple>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/sqlite/page_file.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::test {
namespace {

struct Reading {
    std::string failure;
    std::vector<std::string> rows;
    std::vector<std::string> findings;
    std::uint64_t met = 0;
    bool in_order = false;
    bool from_pages = false;
};

Reading load(store::SqliteStore& store, const mvcc::CompactionRules& rules, bool pages) {
    sqlite::PageFile::allow(pages);
    Reading r;
    try {
        Findings findings;
        const mvcc::TreeIndex index = store.load(rules, findings, nullptr);
        index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
            const mvcc::Revision revision = index.revision(s);
            const mvcc::KeyId key = index.key_of(s);
            std::ostringstream row;
            row << revision.main << ' ' << revision.sub << ' ' << index.is_tombstone(s) << ' '
                << index.bytes_of(s) << ' ' << index.overhead_of(s) << ' '
                << (store.info().layout == store::Layout::kine ? index.prev_revision_of(s) : 0) << ' '
                << (key >= mvcc::k_gap_key ? std::to_string(key) : std::string(index.key(key)));
            r.rows.push_back(row.str());
        });
        for (const Finding& f : findings) r.findings.push_back(f.where + ": " + f.code + ": " + f.what);
        r.met = store.rows_read();
        r.in_order = store.in_order();
    } catch (const Error& e) {
        r.failure = std::string("refused: ") + e.what();
    }
    r.from_pages = store.from_pages();
    sqlite::PageFile::allow(true);
    return r;
}

}  // namespace

BothReaders read_both_ways(store::Store& store, const mvcc::CompactionRules& rules) {
    auto& sqlite_store = dynamic_cast<store::SqliteStore&>(store);
    const Reading mine = load(sqlite_store, rules, true);
    BothReaders both{mine.from_pages, {}};
    if (!mine.from_pages) return both;
    const Reading theirs = load(sqlite_store, rules, false);
    if (mine.failure != theirs.failure) {
        both.difference = "'" + mine.failure + "' and '" + theirs.failure + "'";
    } else if (std::tie(mine.rows, mine.met, mine.in_order) !=
               std::tie(theirs.rows, theirs.met, theirs.in_order)) {
        both.difference = "other rows: " + std::to_string(mine.met) + " and " + std::to_string(theirs.met);
    } else if (mine.findings != theirs.findings) {
        both.difference = "other findings";
    }
    return both;
}

}  // namespace kvctl::test
