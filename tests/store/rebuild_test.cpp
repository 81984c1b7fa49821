#include "kvctl/store/bbolt/rebuild.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kvctl/base/proto.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/bbolt/sha256.hpp"
#include "kvctl/bbolt/writer.hpp"
#include "kvctl/store/bbolt/writable.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/naive_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::store;
using test::BboltImage;

namespace {

mvcc::Record record_of(const test::naive::Row& row) {
    mvcc::Record r;
    r.revision = row.revision;
    r.tombstone = row.tombstone;
    r.key = row.key;
    r.create_revision = row.create_revision;
    r.version = row.version;
    r.lease = row.lease;
    r.value = row.value;
    return r;
}

// A history of some hundred requests over few keys, with values of every size.
test::naive::Store random_store(std::mt19937_64& random, std::uint64_t page_size) {
    test::naive::Store store(test::naive::k_classic);
    const std::size_t requests = 5 + random() % 300;
    for (std::size_t i = 0; i < requests; ++i) {
        for (std::uint64_t op = 0; op < 1 + random() % 3; ++op) {
            const std::string key = "/k/" + std::to_string(random() % 25);
            if (random() % 4 == 0) {
                (void)store.remove(key);
            } else {
                const std::uint64_t most = random() % 20 == 0 ? 3 * page_size : 300;
                store.put(key, std::string(random() % most, 'v'), random() % 3 == 0 ? 77 : 0);
            }
        }
        store.end();
    }
    return store;
}

BboltImage image_of(const test::naive::Store& store, std::uint64_t page_size) {
    std::vector<mvcc::Record> records;
    for (const auto& [revision, row] : store.rows()) records.push_back(record_of(row));
    BboltImage image = test::etcd_image(records, page_size);
    image.buckets["mystery"]["a"] = std::string(9000, 'm');
    for (int i = 0; i < 200; ++i) image.buckets["lease"][test::be64(1000 + i)] = "\x08\x01";
    return image;
}

using Rows = std::map<std::string, std::string>;

Rows rows_in(const bbolt::File& file, const char* bucket) {
    Rows rows;
    bbolt::Cursor c(file, *file.bucket(bucket));
    for (bool more = c.first(); more; more = c.next()) rows.emplace(c.key(), c.value());
    return rows;
}

struct Planned {
    mvcc::TreeIndex index;
    mvcc::CompactionPlan plan;
};

Planned plan_for(BboltStore& store, std::int64_t at, const mvcc::CompactionRules& rules) {
    Findings findings;
    mvcc::TreeIndex index = store.load(rules, findings, nullptr);
    REQUIRE(findings.empty());
    const StoreHead head = store.head();
    mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, {head.current, head.compacted, std::nullopt}, MainRevision(at));
    return {std::move(index), std::move(plan)};
}

// Written to a new file, whose size must be the one foretold; its path.
std::string rebuilt(const BboltStore& store, const Planned& p, const test::TempDir& dir,
                    bool disarm = false) {
    const std::string path = dir.file("new");
    rebuild_to_output(store, {&p.index, &p.plan, disarm}, path, nullptr);
    CHECK(std::filesystem::file_size(path) == RebuildSize(store, p.index).bytes(p.plan, disarm));
    return path;
}

std::string number_message(std::uint32_t field, std::uint64_t value) {
    std::string out;
    proto::append_number(out, field, value);
    return out;
}

}  // namespace

TEST_CASE("rebuild: one altered byte in what is read back is enough to throw the new file away") {
    std::mt19937_64 random(12);
    const test::naive::Store model = random_store(random, 1024);
    const test::TempFile source(image_of(model, 1024).build());
    BboltStore store(source.path());
    const Planned p = plan_for(store, store.head().current.value() / 2, mvcc::classic_rules());
    const test::TempDir dir;
    const std::string path = dir.file("new");
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    const Rebuilt written = write_rebuilt(store, {&p.index, &p.plan, false}, fd, path, nullptr);
    verify_rebuilt(store, written, path, nullptr);
    const std::string message = source.path() + ": the new file was thrown away: it holds something else";
    const bbolt::File made(path, bbolt::File::Lock::none);
    for (const char* const bucket : {"key", "lease", "meta", "mystery"}) {
        CAPTURE(std::string(bucket));
        std::vector<std::size_t> places;
        bbolt::Cursor c(made, *made.bucket(bucket));
        for (bool more = c.first(); more; more = c.next()) {
            if (!c.value().empty())
                places.push_back(static_cast<std::size_t>(c.value().data() - made.data().data()));
        }
        REQUIRE_FALSE(places.empty());
        for (const std::size_t at : places) {
            const char before = made.data()[at];
            const char other = static_cast<char>(before ^ 1);
            REQUIRE(::pwrite(fd, &other, 1, static_cast<off_t>(at)) == 1);
            test::check_error(ErrorKind::damaged, message,
                              [&] { verify_rebuilt(store, written, path, nullptr); });
            REQUIRE(::pwrite(fd, &before, 1, static_cast<off_t>(at)) == 1);
        }
    }
    verify_rebuilt(store, written, path, nullptr);
    ::close(fd);
}

TEST_CASE("rebuild: the rows of etcd's rule stay, all else byte for byte, in the size foretold") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 40; ++round) {
        CAPTURE(round);
        const std::uint64_t page_size = std::uint64_t{1024} << random() % 4;
        const test::naive::Store model = random_store(random, page_size);
        BboltImage image = image_of(model, page_size);
        image.free_pages = random() % 5;
        const test::TempFile source(image.build());
        BboltStore store(source.path());
        const bool keep = random() % 2 == 0;
        const std::int64_t at = 1 + static_cast<std::int64_t>(random()) % model.current();
        const Planned p = plan_for(store, std::max<std::int64_t>(at, 1),
                                   keep ? mvcc::keep_at_rev_rules() : mvcc::classic_rules());
        const test::TempDir dir;
        const bbolt::File copy(rebuilt(store, p, dir));

        test::naive::Store after = test::naive::Store::reopened(
            keep ? test::naive::k_keep : test::naive::k_classic, model.row_list(), -1);
        REQUIRE(after.compact(p.plan.compacted_after.value()) == test::naive::Store::Answer::done);
        Rows want;
        for (const auto& [revision, row] : after.rows()) {
            const std::string key(mvcc::EncodedRevision(revision, row.tombstone).bytes());
            want[key] = image.buckets["key"].at(key);
        }
        CHECK(rows_in(copy, "key") == want);
        for (const auto& [name, rows] : image.buckets) {
            if (name == "key" || name == "meta") continue;
            CAPTURE(name);
            CHECK(rows_in(copy, name.c_str()) == rows);
        }
        Rows meta = image.buckets["meta"];
        const mvcc::EncodedRevision revision({p.plan.compacted_after.value(), 0}, false);
        meta["scheduledCompactRev"] = meta["finishedCompactRev"] = std::string(revision.bytes());
        CHECK(rows_in(copy, "meta") == meta);
    }
}

TEST_CASE("rebuild: rows whose sizes the index cannot hold are measured in the file") {
    std::vector<mvcc::Record> records;
    for (int i = 2; i < 40; ++i) {
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = "k";
        r.create_revision = 2;
        r.version = i - 1;
        records.push_back(r);
    }
    BboltImage image = test::etcd_image(records);
    for (auto& [key, value] : image.buckets["key"]) proto::append_bytes(value, 99, std::string(400, 'u'));
    const test::TempFile source(image.build());
    BboltStore store(source.path());
    const Planned p = plan_for(store, 20, mvcc::classic_rules());
    const test::TempDir dir;
    const bbolt::File copy(rebuilt(store, p, dir));
    CHECK(rows_in(copy, "key").size() == 20);
}

TEST_CASE("rebuild: buckets in buckets, sequences and values at the root are kept") {
    const test::TempDir dir;
    const std::string path = dir.file("db");
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    bbolt::FileWriter writer(fd, path, {4096, 40, 9});
    writer.begin_bucket("key", 5);
    writer.end_bucket();
    writer.begin_bucket("meta", 0);
    writer.end_bucket();
    writer.begin_bucket("odd", 3);
    writer.add("a", std::string(5000, 'a'));
    writer.begin_bucket("inner", 4);
    writer.begin_bucket("innermost", 6);
    writer.add("x", "y");
    writer.end_bucket();
    writer.end_bucket();
    writer.end_bucket();
    writer.add("plain", "value");
    (void)writer.finish();
    ::close(fd);

    BboltStore store(path);
    Findings findings;
    const mvcc::TreeIndex index = store.load(mvcc::classic_rules(), findings, nullptr);
    const std::string made = dir.file("new");
    rebuild_to_output(store, {}, made, nullptr);
    CHECK(std::filesystem::file_size(made) == RebuildSize(store, index).bytes({}));
    const bbolt::File copy(made);
    CHECK(copy.meta().sequence == 9);
    CHECK(copy.meta().txid > store.file().meta().txid);
    CHECK(copy.bucket("key")->sequence == 5);
    const bbolt::Bucket odd = *copy.bucket("odd");
    CHECK(odd.sequence == 3);
    bbolt::Cursor c(copy, odd);
    REQUIRE(c.seek("inner"));
    REQUIRE(c.is_bucket());
    const bbolt::Bucket inner = copy.decode_bucket(c.value(), c.page());
    CHECK(inner.sequence == 4);
    bbolt::Cursor root(copy, copy.root());
    REQUIRE(root.seek("plain"));
    CHECK(root.value() == "value");
}

TEST_CASE("rebuild: a snapshot keeps a digest that matches, a db has none") {
    std::mt19937_64 random(3);
    const std::string bytes = image_of(random_store(random, 4096), 4096).build();
    for (const bool snapshot : {false, true}) {
        CAPTURE(snapshot);
        const test::TempFile source(snapshot ? bytes + bbolt::sha256(bytes) : bytes);
        BboltStore store(source.path());
        const Planned p = plan_for(store, 3, mvcc::classic_rules());
        const test::TempDir dir;
        const bbolt::File copy(rebuilt(store, p, dir));
        CHECK(copy.has_digest() == snapshot);
        CHECK(copy.digest_matches() == snapshot);
    }
}

TEST_CASE("rebuild: damage of any kind is told before anything is written") {
    std::mt19937_64 random(4);
    BboltImage image = image_of(random_store(random, 4096), 4096);
    const std::string good = image.build();
    const std::uint64_t mystery = image.root_of("mystery");
    struct Row {
        const char* name;
        std::function<void(std::string&)> damage;
    };
    for (const Row& row : std::vector<Row>{
             {"another bucket's page", [&](std::string& b) { b[mystery * 4096] ^= 1; }},
             {"the root page", [&](std::string& b) { b[image.root() * 4096 + 8] ^= 4; }},
             {"no bucket meta",
              [&](std::string& b) {
                  BboltImage other = image;
                  other.buckets.erase("meta");
                  b = other.build();
              }},
             {"a digest that does not match", [&](std::string& b) { b += std::string(32, 'x'); }}}) {
        CAPTURE(row.name);
        std::string bytes = good;
        row.damage(bytes);
        const test::TempFile source(bytes);
        try {
            BboltStore store(source.path());
            CHECK_FALSE(store.structure_faults(nullptr).empty());
        } catch (const Error& e) {
            CHECK((e.kind() == ErrorKind::damaged || e.kind() == ErrorKind::not_a_store));
        }
    }
    const test::TempFile source(good);
    CHECK(BboltStore(source.path()).structure_faults(nullptr).empty());
}

TEST_CASE("rebuild: --disarm takes NOSPACE alarms away and no others") {
    BboltImage image = test::etcd_image({});
    const std::string member = number_message(1, 7);
    image.buckets["alarm"][member + number_message(2, 1)] = "";
    image.buckets["alarm"][member + number_message(2, 2)] = "";
    const test::TempFile source(image.build());
    BboltStore store(source.path());
    CHECK(store.space_alarm());
    const Planned p = plan_for(store, 1, mvcc::classic_rules());
    const test::TempDir dir;
    BboltStore copy(rebuilt(store, p, dir, true));
    CHECK_FALSE(copy.space_alarm());
    CHECK(rows_in(copy.file(), "alarm").size() == 1);
}

TEST_CASE("members: what one member of several must not do alone is refused") {
    for (const std::size_t members : {0U, 1U, 3U}) {
        CAPTURE(members);
        BboltImage image = test::etcd_image({});
        for (std::size_t i = 0; i < members; ++i) image.buckets["members"][std::to_string(i)] = "{}";
        const test::TempFile source(image.build());
        BboltStore store(source.path());
        REQUIRE(store.cluster().members.size() == members);
        struct Row {
            MemberChange change;
            bool refused;
        };
        for (const Row& row : std::vector<Row>{{{true, true, false, false}, true},
                                               {{true, true, false, true}, false},
                                               {{true, false, false, false}, false},
                                               {{false, true, false, false}, false},
                                               {{true, true, true, true}, true},
                                               {{false, true, true, false}, true}}) {
            const auto run = [&] { store.check_member_change(row.change); };
            if (row.refused && members > 1) {
                test::check_error(ErrorKind::refused, "one of 3 members", run);
            } else {
                CHECK_NOTHROW(run());
            }
        }
    }
}

TEST_CASE("bbolt writable: in its place stands a new file of the same mode, and the old one opens no more") {
    std::mt19937_64 random(5);
    const test::TempFile source(image_of(random_store(random, 4096), 4096).build());
    ::chmod(source.path().c_str(), 0640);
    const int old = ::open(source.path().c_str(), O_RDONLY);
    // Another process's descriptor would be noticed; this one is ours.
    REQUIRE(old >= 0);
    {
        BboltWritable w = BboltWritable::open(source.path(), {});
        const Planned p = plan_for(w.store(), 3, mvcc::classic_rules());
        w.execute(p.index, p.plan, Strategy::rewrite, std::nullopt, {});
        CHECK(w.may_have_changed());
    }
    struct stat st {};
    REQUIRE(::stat(source.path().c_str(), &st) == 0);
    CHECK((st.st_mode & 07777U) == 0640);
    CHECK(BboltStore(source.path()).head().compacted == MainRevision(3));
    std::string header(8192, '\0');
    REQUIRE(::pread(old, header.data(), header.size(), 0) == 8192);
    CHECK_FALSE(bbolt::looks_like_bbolt(header));
    ::close(old);
    CHECK(std::filesystem::directory_iterator(source.folder()) != std::filesystem::directory_iterator());
    for (const auto& entry : std::filesystem::directory_iterator(source.folder()))
        CHECK(entry.path().filename() == "db");
}

TEST_CASE("bbolt writable: held by another, of several names, or without a bucket of rows: refused") {
    const test::TempFile source(test::etcd_image({}).build());
    const int other = ::open(source.path().c_str(), O_RDONLY);
    for (const int lock : {LOCK_SH, LOCK_EX}) {
        REQUIRE(::flock(other, lock) == 0);
        test::check_error(ErrorKind::in_use, "stop it first",
                          [&] { (void)BboltWritable::open(source.path(), {}); });
    }
    OpenOptions patient;
    patient.waits_for_idle = true;
    patient.timeout_ms = 30;
    test::check_error(ErrorKind::in_use, "waited 30 ms",
                      [&] { (void)BboltWritable::open(source.path(), patient); });
    ::close(other);
    const std::string second = source.path() + ".link";
    REQUIRE(::link(source.path().c_str(), second.c_str()) == 0);
    test::check_error(ErrorKind::refused, "2 names", [&] { (void)BboltWritable::open(source.path(), {}); });
    ::unlink(second.c_str());
    CHECK_NOTHROW((void)BboltWritable::open(source.path(), {}));
}
