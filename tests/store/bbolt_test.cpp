#include "kvctl/store/bbolt/bbolt.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/crc32c.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/real_data.hpp"

using namespace kvctl;
using namespace kvctl::store;
using mvcc::Record;
using mvcc::Revision;
using test::BboltImage;
using test::TempFile;

namespace {

Record put(Revision at, std::string_view key, std::string_view value, std::int64_t created,
           std::int64_t version) {
    Record r;
    r.revision = at;
    r.key = key;
    r.value = value;
    r.create_revision = created;
    r.version = version;
    return r;
}

Record tombstone(Revision at, std::string_view key) {
    Record r;
    r.revision = at;
    r.key = key;
    r.tombstone = true;
    return r;
}

std::vector<Record> all_records(Store& store) {
    std::vector<Record> records;
    store.each_record(MainRevision{0}, MainRevision{INT64_MAX},
                      [&](const Record& r) { records.push_back(r); });
    return records;
}

std::string hex_bytes(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto b = static_cast<unsigned char>(c);
        text += {"0123456789abcdef"[b >> 4], "0123456789abcdef"[b & 15]};
    }
    return text;
}

std::string text_of(Revision r) {
    return std::to_string(r.main) + "." + std::to_string(r.sub);
}

// The form that the recorded data's index_crc32c is the sum of.
std::string index_text(const mvcc::TreeIndex& index) {
    std::string text;
    for (const mvcc::KeyId id : index.sorted_keys()) {
        const mvcc::KeyIndex key = index.key_index(id);
        text += hex_bytes(key.key()) + " " + text_of(key.modified()) + " ";
        bool first = true;
        for (const mvcc::Generation& g : key.generations()) {
            text += (first ? "" : ";") + text_of(g.created()) + "/" + std::to_string(g.ver()) + "/";
            first = false;
            for (std::size_t i = 0; i < g.size(); ++i) text += (i == 0 ? "" : ",") + text_of(g.revision(i));
        }
        text += "\n";
    }
    return text;
}

std::vector<std::string> codes(const Findings& findings) {
    std::vector<std::string> result;
    for (const Finding& f : findings) result.push_back(f.code);
    return result;
}

const std::vector<Record>& sample() {
    static const std::vector<Record> records = {
        put({2, 0}, "foo", "v1", 2, 1), put({3, 0}, "bar", "b1", 3, 1), put({4, 0}, "foo", "v2", 2, 2),
        tombstone({5, 0}, "foo"),       put({6, 0}, "foo", "v3", 6, 1), put({7, 0}, "k1", "a", 7, 1),
        put({7, 1}, "k2", "b", 7, 1),   tombstone({7, 2}, "bar"),       put({8, 0}, "b", "1", 8, 1),
    };
    return records;
}

}  // namespace

TEST_CASE("bbolt store: a real server's file reads as etcd's own tools read it") {
    for (const test::RealData& data : test::real_data()) {
        CAPTURE(data.name);
        const auto& db = data.expected["db"];
        const auto& initial = db["initial"];
        BboltStore store(data.db);
        CHECK(store.info().layout == Layout::bbolt);
        CHECK(store.info().page_size == 4096);

        const StoreHead head = store.head();
        CHECK(head.current.value() == initial["current_revision"].get<std::int64_t>());
        CHECK(head.compacted.value() == initial["compact_revision"].get<std::int64_t>());
        CHECK(head.scheduled->value() == db["meta"]["scheduled"].get<std::int64_t>());
        CHECK(head.finished->value() == db["meta"]["finished"].get<std::int64_t>());
        CHECK(head.consistent_index->value() == db["consistent_index"].get<std::uint64_t>());
        CHECK_FALSE(head.term);
        CHECK_FALSE(head.pending());

        std::size_t n = 0;
        std::uint32_t crc = crc32c(0, "key");
        const auto& entries = db["entries"];
        for (const Record& r : all_records(store)) {
            REQUIRE(n < entries.size());
            const auto& e = entries[n++];
            CHECK(r.revision == Revision{e["rev"][0].get<std::int64_t>(), e["rev"][1].get<std::int64_t>()});
            CHECK(r.tombstone == (e["type"] == "delete"));
            CHECK(r.key == *base64_decode(e["key"].get<std::string>()));
            CHECK(r.value == *base64_decode(e["value"].get<std::string>()));
            CHECK(r.lease == e["lease"].get<std::int64_t>());
            CHECK(r.create_revision == e["create_revision"].get<std::int64_t>());
            CHECK(r.version == e["version"].get<std::int64_t>());
            CHECK(r.has_stored);
            crc = crc32c(crc32c(crc, mvcc::EncodedRevision(r.revision, r.tombstone).bytes()), r.stored);
        }
        CHECK(n == entries.size());
        CHECK(crc == initial["bucket_crc32c"].get<std::uint32_t>());

        std::vector<Lease> leases;
        for (const auto& l : db["leases"])
            leases.push_back({l["id"].get<std::int64_t>(), l["ttl"].get<std::int64_t>()});
        CHECK(store.leases() == leases);

        Findings findings;
        const mvcc::TreeIndex index = store.load(mvcc::classic_rules(), findings, nullptr);
        CHECK(findings.empty());
        CHECK(index.total().revisions == initial["entries"].get<std::uint64_t>());
        CHECK(index.total().tombstones == initial["tombstones"].get<std::uint64_t>());
        CHECK(index.live_keys() == initial["live_keys"].get<std::uint64_t>());
        CHECK(crc32c(0, index_text(index)) == initial["index_crc32c"].get<std::uint32_t>());
        CHECK(store.info().free_pages > 0);
        CHECK(store.info().free_pages < store.info().pages);
    }
}

TEST_CASE("bbolt store: a data dir stands for its db") {
    const std::string bytes = test::etcd_image(sample()).build();
    const TempFile dir(bytes, "member/snap/db");
    BboltStore store(dir.folder());
    CHECK(store.info().path == dir.folder());
    CHECK(store.info().real_path == std::filesystem::canonical(dir.path()).string());
    CHECK(store.head().current == MainRevision{8});
    BboltStore with_slash(dir.folder() + "/");
    CHECK(with_slash.head().current == MainRevision{8});
    const TempFile other("x");
    CHECK_THROWS_WITH_AS(BboltStore(other.folder()), doctest::Contains("no etcd data dir"), Error);
}

TEST_CASE("bbolt store: a bbolt file of someone else is not a store") {
    BboltImage image;
    image.buckets["users"].emplace("a", "b");
    const TempFile path(image.build());
    try {
        BboltStore store(path.path());
        FAIL("opened");
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::not_a_store);
    }
}

TEST_CASE("bbolt store: records, ranges and single revisions agree at every page size") {
    for (const std::size_t size : {1024U, 4096U, 65536U}) {
        CAPTURE(size);
        std::vector<Record> records;
        std::vector<std::string> keys;
        for (int i = 0; i < 300; ++i) keys.push_back("key" + std::to_string(i % 17));
        const std::string big(size * 2, 'x');
        for (int i = 0; i < 300; ++i)
            records.push_back(put({i + 2, 0}, keys[static_cast<std::size_t>(i)],
                                  i % 50 == 0 ? std::string_view(big) : "v", 2, i / 17 + 1));
        const TempFile path(test::etcd_image(records, size).build());
        BboltStore store(path.path());
        CHECK(all_records(store).size() == 300);
        std::vector<std::int64_t> mains;
        store.each_record(MainRevision{10}, MainRevision{13},
                          [&](const Record& r) { mains.push_back(r.revision.main); });
        CHECK(mains == std::vector<std::int64_t>{10, 11, 12, 13});
        const auto r = store.record({52, 0});
        REQUIRE(r);
        CHECK(r->value == big);
        CHECK_FALSE(store.record({52, 1}));
        CHECK_FALSE(store.record({1, 0}));
        CHECK_FALSE(store.record({400, 0}));
        Findings none;
        CHECK_FALSE(store.load_key("key1", mvcc::classic_rules(), none));
    }
}

namespace {

// What load() and its caller see of a file, as one text.
std::string loaded(const std::string& path) {
    std::string text;
    const auto tell = [&](const Findings& findings) {
        for (const Finding& f : findings)
            text += f.code + "|" + f.where + "|" + f.what + "|" + std::to_string(f.times) + "\n";
    };
    try {
        BboltStore store(path);
        Findings findings;
        std::string keys;
        try {
            keys = index_text(store.load(mvcc::classic_rules(), findings, nullptr));
        } catch (const Error& e) {
            text += std::string(e.what()) + "\n";
            keys = index_text(store.load_past_damage(mvcc::classic_rules(), findings, nullptr));
        }
        tell(findings);
        for (const EtcdFacts::Bucket& b : store.buckets()) {
            text += b.name + " " + std::to_string(b.keys) + " " + std::to_string(b.bytes) + " " +
                    std::to_string(b.pages) + "\n";
        }
        text += std::to_string(store.info().free_pages) + "\n" + keys;
    } catch (const Error& e) {
        text += e.what();
    }
    return text;
}

// Holds the test to one core while it lives.
class OneCore {
  public:
    OneCore() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
            if (CPU_ISSET(i, &before_)) CPU_SET(i, &one);
        }
        ::sched_setaffinity(0, sizeof one, &one);
    }
    OneCore(const OneCore&) = delete;
    OneCore& operator=(const OneCore&) = delete;
    ~OneCore() { ::sched_setaffinity(0, sizeof before_, &before_); }

  private:
    cpu_set_t before_{};
};

}  // namespace

TEST_CASE("bbolt store: two threads read of a tree what one does, whatever is wrong with it") {
    constexpr std::size_t k_page = 1024;
    std::vector<Record> records;
    std::vector<std::string> keys;
    keys.reserve(300);
    for (int i = 0; i < 300; ++i) keys.push_back("key" + std::to_string(i % 17));
    for (int i = 0; i < 300; ++i) {
        records.push_back(i % 50 == 49
                              ? tombstone({i + 2, 0}, keys[static_cast<std::size_t>(i)])
                              : put({i + 2, 0}, keys[static_cast<std::size_t>(i)], "v", 2, i / 17 + 1));
    }
    BboltImage image = test::etcd_image(records, k_page);
    image.max_elements = 4;
    image.free_pages = 2;
    const std::string good = image.build();
    const std::vector<std::uint64_t> leaves = image.pages_with(bbolt::k_leaf_page);
    const std::vector<std::uint64_t> branches = image.pages_with(bbolt::k_branch_page);
    REQUIRE(leaves.size() > 75);
    const std::string both[] = {test::le64(leaves[10]), test::le64(leaves[60])};

    std::vector<std::string> files{good};
    const auto damage = [&](std::size_t at, const std::string& bytes) {
        files.push_back(good);
        test::patch(files.back(), at, bytes);
    };
    for (const std::uint64_t page : branches) {
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t element = image.element_at(page, i);
            if (i >= static_cast<unsigned char>(good[page * k_page + 10])) break;
            // A child that is reached twice, from either half; one that is none; a key that leads elsewhere.
            for (const std::string& child : both) damage(element + 8, child);
            damage(element + 8, test::le64(1));
            damage(element + bbolt::load_u32(good.data() + element), std::string(8, '\x7f'));
            damage(element + bbolt::load_u32(good.data() + element), std::string(8, '\0'));
        }
    }
    for (const std::uint64_t page : leaves) {
        const std::size_t element = image.element_at(page, 0);
        const auto key_at = [&](std::size_t e) { return e + bbolt::load_u32(good.data() + e + 4); };
        damage(page * k_page + 8, test::le16(7));
        damage(element, test::le32(1));
        damage(key_at(element), test::be64(250));
        damage(key_at(element) + 8, "-");
        // A search among keys in no order may end behind where a walk does.
        if (good[page * k_page + 10] > 1) damage(key_at(image.element_at(page, 1)), test::be64(5));
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        CAPTURE(i);
        const TempFile path(files[i]);
        const std::string two = loaded(path.path());
        const OneCore one;
        CHECK(two == loaded(path.path()));
    }
}

TEST_CASE("bbolt store: a file cut short while it is open is an I/O error, whatever is read") {
    constexpr std::size_t k_pages = 65536;  // no machine's memory pages are larger
    const std::string value(200, 'v');
    std::vector<Record> records;
    for (int i = 2; i < 4000; ++i) records.push_back(put({i, 0}, "key", value, 2, i - 1));
    const std::string bytes = test::etcd_image(records).build();
    const auto reads = std::vector<std::function<void(BboltStore&)>>{
        [](BboltStore& s) {
            Findings findings;
            (void)s.load(mvcc::classic_rules(), findings, nullptr);
        },
        [](BboltStore& s) { s.each_record(MainRevision{2}, MainRevision{3000}, [](const Record&) {}); },
        [](BboltStore& s) {
            (void)s.record({3000, 0});
        },
        [](BboltStore& s) { (void)s.head(); },
        [](BboltStore& s) { (void)s.leases(); },
    };
    for (const auto& read : reads) {
        const TempFile path(bytes);
        BboltStore store(path.path());
        std::filesystem::resize_file(path.path(), k_pages);
        test::check_error(ErrorKind::io, path.path() + ": a part of it could not be read",
                          [&] { read(store); });
    }
}

TEST_CASE("bbolt store: a tombstone is told by its row key alone") {
    const TempFile path(test::etcd_image(sample()).build());
    BboltStore store(path.path());
    const auto r = store.record({5, 0});
    REQUIRE(r);
    CHECK(r->tombstone);
    CHECK(r->key == "foo");
    Findings findings;
    const auto index = store.load(mvcc::classic_rules(), findings, nullptr);
    CHECK(index.total().tombstones == 2);
    CHECK(index.total().bytes == 34);
    CHECK(index.live_keys() == 4);
}

TEST_CASE("bbolt store: counters as etcd writes them, absent ones absent, pending told") {
    BboltImage image = test::etcd_image(sample());
    auto& meta = image.buckets["meta"];
    {
        const TempFile path(image.build());
        BboltStore store(path.path());
        const StoreHead head = store.head();
        CHECK(head.compacted == MainRevision{-1});
        CHECK_FALSE(head.scheduled);
        CHECK(head.consistent_index == LogIndex{77});
        CHECK(store.meta() == std::vector<std::pair<std::string, std::int64_t>>{{"consistent_index", 77}});
    }
    meta["scheduledCompactRev"] = std::string(mvcc::EncodedRevision({20, 0}, false).bytes());
    meta["finishedCompactRev"] = std::string(mvcc::EncodedRevision({4, 0}, false).bytes());
    meta["term"] = test::be64(3);
    meta["storageVersion"] = "3.6.0";
    meta["confState"] = R"({"voters":[1],"auto_leave":false})";
    const TempFile path(image.build());
    BboltStore store(path.path());
    const StoreHead head = store.head();
    CHECK(head.scheduled == MainRevision{20});
    CHECK(head.compacted == MainRevision{4});
    CHECK(head.current == MainRevision{20});
    CHECK(head.term == Term{3});
    CHECK(head.pending());
    CHECK(store.meta().size() == 4);
    CHECK(store.meta_bytes("storageVersion") == "3.6.0");
}

TEST_CASE("bbolt store: an empty store is at revision 1") {
    BboltImage image = test::etcd_image({});
    image.buckets["meta"].clear();
    const TempFile path(image.build());
    BboltStore store(path.path());
    CHECK(store.head().current == MainRevision{1});
    Findings findings;
    CHECK(store.load(mvcc::classic_rules(), findings, nullptr).total().revisions == 0);
    CHECK(findings.empty());
    CHECK(store.leases().empty());
}

TEST_CASE("bbolt store: the row that a bumped snapshot has, and rows of main 0, are read") {
    BboltImage image = test::etcd_image(sample());
    auto& rows = image.buckets["key"];
    rows[std::string(mvcc::EncodedRevision({1000, 0}, false).bytes())];
    rows[std::string(mvcc::EncodedRevision({0, 0}, false).bytes())];
    const TempFile path(image.build());
    BboltStore store(path.path());
    CHECK(store.head().current == MainRevision{1000});
    Findings findings;
    const auto index = store.load(mvcc::classic_rules(), findings, nullptr);
    CHECK(findings.empty());
    CHECK(index.total().revisions == 11);
    CHECK(index.find(""));
    CHECK(all_records(store).back().stored.empty());
}

TEST_CASE("bbolt store: malformed rows are findings, and the rest is read") {
    struct Row {
        const char* name;
        std::string key;
        std::string value;
        const char* code;
    };
    const std::string at(mvcc::EncodedRevision({6, 1}, false).bytes());
    std::string wrong_separator = at;
    wrong_separator[8] = '-';
    const Row rows[] = {
        {"short key", at.substr(0, 16), "\n\1a", "malformed-row"},
        {"long key", at + "tt", "\n\1a", "malformed-row"},
        {"mark", at + "x", "\n\1a", "malformed-row"},
        {"separator", wrong_separator, "\n\1a", "malformed-row"},
        {"negative", test::be64(~std::uint64_t{5}) + "_" + test::be64(0), "\n\1a", "malformed-row"},
        {"value", at,
         "\n\xff"
         "a",
         "malformed-row"},
        {"wire type", at, std::string("\x08\x01", 2), "malformed-row"},
        {"mod revision", at, "\n\1a\x10\6\x18\7\x20\1", "mod-revision"},
    };
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        BboltImage image = test::etcd_image(sample());
        image.buckets["key"][row.key] = row.value;
        const TempFile path(image.build());
        BboltStore store(path.path());
        Findings findings;
        const auto index = store.load(mvcc::classic_rules(), findings, nullptr);
        CHECK(codes(findings) == std::vector<std::string>{row.code});
        CHECK(findings[0].severity == Finding::Severity::error);
        const bool counted = std::string(row.code) == "mod-revision";
        CHECK(index.total().revisions == (counted ? 10 : 9));
        if (!counted) CHECK_THROWS_WITH_AS(all_records(store), doctest::Contains(path.path().c_str()), Error);
    }
}

TEST_CASE("bbolt store: a 17-byte and an 18-byte row of one revision are a finding") {
    BboltImage image = test::etcd_image(sample());
    image.buckets["key"][std::string(mvcc::EncodedRevision({6, 0}, true).bytes())] = "\n\3foo";
    const TempFile path(image.build());
    Findings findings;
    const auto index = BboltStore(path.path()).load(mvcc::classic_rules(), findings, nullptr);
    CHECK(codes(findings) == std::vector<std::string>{"duplicate-revision"});
}

TEST_CASE("bbolt store: rows out of order are sorted and told") {
    BboltImage image = test::etcd_image(sample(), 1024);
    image.max_elements = 2;
    std::string bytes = image.build();
    // Swap two leaves' ids in their parent: the rows stay sound, their order does not.
    const auto branches = image.pages_with(bbolt::k_branch_page);
    const std::size_t a = image.element_at(branches[0], 0) + 8;
    const std::size_t b = image.element_at(branches[0], 1) + 8;
    const std::string first = bytes.substr(a, 8);
    test::patch(bytes, a, bytes.substr(b, 8));
    test::patch(bytes, b, first);
    const TempFile path(bytes);
    Findings findings;
    const auto index = BboltStore(path.path()).load(mvcc::classic_rules(), findings, nullptr);
    CHECK(codes(findings) == std::vector<std::string>{"row-order"});
    CHECK(index.total().revisions == 9);
    Findings none;
    const TempFile sound(image.build());
    CHECK(index_text(index) ==
          index_text(BboltStore(sound.path()).load(mvcc::classic_rules(), none, nullptr)));
}

TEST_CASE("bbolt store: malformed counters are findings and count as absent") {
    for (const char* name : {"scheduledCompactRev", "finishedCompactRev", "consistent_index", "term"}) {
        CAPTURE(std::string(name));
        BboltImage image = test::etcd_image(sample());
        image.buckets["meta"][name] = "bad";
        const TempFile path(image.build());
        BboltStore store(path.path());
        Findings findings;
        (void)store.load(mvcc::classic_rules(), findings, nullptr);
        CHECK(codes(findings) == std::vector<std::string>{"malformed-meta"});
        CHECK(findings[0].where.ends_with(std::string("bucket meta, ") + name));
        CHECK(store.head().current == MainRevision{8});
    }
    BboltImage image = test::etcd_image(sample());
    image.buckets["lease"].emplace("short", "x");
    const TempFile path(image.build());
    CHECK_THROWS_WITH_AS((void)BboltStore(path.path()).leases(), doctest::Contains("is no lease"), Error);
}

TEST_CASE("bbolt store: free pages are counted by reading where no freelist is stored") {
    BboltImage image = test::etcd_image(sample(), 1024);
    image.free_pages = 9;
    image.unused_pages = 3;
    const TempFile path(image.build());
    BboltStore store(path.path());
    Findings findings;
    (void)store.load(mvcc::classic_rules(), findings, nullptr);
    CHECK(store.info().free_pages == 12);
    CHECK(store.info().pages == image.pages() + 3);
}

TEST_CASE("bbolt store: nothing beside or in the file changes") {
    const std::string bytes = test::etcd_image(sample()).build();
    const TempFile path(bytes);
    {
        BboltStore store(path.path());
        Findings findings;
        (void)store.load(mvcc::classic_rules(), findings, nullptr);
        (void)store.head();
    }
    std::ifstream in(path.path(), std::ios::binary);
    std::ostringstream now;
    now << in.rdbuf();
    CHECK(now.str() == bytes);
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(path.folder())) ++files;
    CHECK(files == 1);
}
