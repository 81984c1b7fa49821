#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/bbolt/sha256.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

using Args = std::vector<std::string>;

// An etcd db of the sample history, with a lease that two rows name.
BboltImage sample_image(std::size_t members = 1) {
    std::vector<mvcc::Record> records;
    static const naive::Store history = sample_history();
    for (const auto& [revision, row] : history.rows()) {
        mvcc::Record r;
        r.revision = revision;
        r.tombstone = row.tombstone;
        r.key = row.key;
        r.create_revision = row.create_revision;
        r.version = row.version;
        r.lease = row.tombstone ? 0 : revision.main == 8 ? 77 : 0;
        r.value = row.value;
        records.push_back(r);
    }
    BboltImage image = etcd_image(records);
    image.buckets["lease"][be64(77)] = std::string("\x08\x4d\x10\x3c", 4);  // id 77, 60 seconds
    image.buckets["cluster"]["clusterVersion"] = "3.3.0";
    for (std::size_t i = 0; i < members; ++i) image.buckets["members"][std::to_string(i + 1)] = "{}";
    return image;
}

json document(Args args, int code = 0) {
    args.insert(args.end() - 1, {"-w", "json"});
    const Result r = run_cli(args);
    INFO(r.err);
    REQUIRE(r.code == code);
    return json::parse(r.out.empty() ? r.err : r.out);
}

std::string get_all(const std::string& store, std::int64_t at) {
    const Result r = run_cli({"get", "", "--prefix", "--rev", std::to_string(at), store});
    return std::to_string(r.code) + "\n" + r.out;
}

std::string kind_of(const Result& r) {
    return json::parse(r.err).at("error").at("kind");
}

bool have(const char* program) {
    return std::system((std::string("command -v ") + program + " >/dev/null").c_str()) == 0;
}

}  // namespace

TEST_CASE("etcd db: a dry run foretells what the real run does, to the byte, and -o gives the same") {
    const std::string bytes = sample_image().build();
    for (const bool snapshot : {false, true}) {
        CAPTURE(snapshot);
        const test::TempFile db(snapshot ? bytes + bbolt::sha256(bytes) : bytes);
        const test::TempDir dir;
        const json dry = document({"compact", "--rev", "6", "-n", db.path()});
        CHECK(dry.at("result") == "would-compact");
        CHECK(dry.at("strategy") == "rewrite");
        CHECK(dry.at("size").at("file_after") == dry.at("size").at("file_after_vacuum"));
        CHECK(read_file(db.path()) == (snapshot ? bytes + bbolt::sha256(bytes) : bytes));
        const json copy = document({"compact", "--rev", "6", "-o", dir.file("new"), db.path()});
        const json real = document({"compact", "--rev", "6", db.path()});
        for (const char* field : {"before", "removed", "kept", "revisions"}) {
            CHECK(real.at(field) == dry.at(field));
            CHECK(copy.at(field) == dry.at(field));
        }
        CHECK(real.at("result") == "compacted");
        CHECK(fs::file_size(db.path()) == dry.at("size").at("file_after"));
        CHECK(read_file(db.path()) == read_file(dir.file("new")));
        CHECK(run_cli({"check", db.path()}).code == 0);
        CHECK(document({"compact", "--rev", "6", db.path()}).at("result") == "already-compacted");
        CHECK(store::BboltStore(db.path()).file().has_digest() == snapshot);
    }
}

TEST_CASE("etcd db: what has no meaning there is a usage error, and so is what is its alone elsewhere") {
    const test::TempFile db(sample_image().build());
    for (const Args& more : std::vector<Args>{{"--batch", "5"},
                                              {"--strategy", "in-place"},
                                              {"--raft-index", "5"},
                                              {"--drop-old-values"},
                                              {"--to", "native"}}) {
        CAPTURE(more.front());
        Args args{"compact", "--rev", "6", db.path()};
        args.insert(args.end() - 1, more.begin(), more.end());
        CHECK(run_cli(args).code == 2);
    }
    const test::TempDir dir;
    make_native(dir.file("native"), sample_history().row_list());
    for (const char* option : {"--disarm", "--all-members"})
        CHECK(run_cli({"compact", "--rev", "6", option, dir.file("native")}).code == 2);
}

TEST_CASE("etcd db: one member of several is not compacted alone, nor disarmed at all") {
    const test::TempFile db(sample_image(3).build());
    const test::TempDir dir;
    const std::string before = read_file(db.path());
    const Result alone = run_cli({"compact", "--rev", "6", "-w", "json", db.path()});
    CHECK(alone.code == 4);
    CHECK(kind_of(alone) == "refused");
    CHECK(has(alone.err, "--all-members"));
    CHECK(has(alone.err, "3 members"));
    const json dry = document({"compact", "--rev", "6", "-n", db.path()});
    CHECK(dry.at("refusal_kind") == "refused");
    for (const Args& args :
         std::vector<Args>{{"compact", "--rev", "6", "--disarm", db.path()},
                           {"compact", "--rev", "6", "--disarm", "--all-members", db.path()}})
        CHECK(run_cli(args).code == 4);
    CHECK(read_file(db.path()) == before);
    CHECK(run_cli({"compact", "--rev", "6", "-o", dir.file("new"), db.path()}).code == 0);
    CHECK(run_cli({"vacuum", db.path()}).code == 0);
    const Result look = run_cli({"compact", "--keep-last", "2", "--all-members", "-n", db.path()});
    CHECK(has(look.err, "give all of them --rev 6"));
    CHECK(has(look.out, "kvctl compact --all-members --rev 6 "));
    CHECK(!has(look.out, "--keep-last"));
    const Result real = run_cli({"compact", "--keep-last", "2", "--all-members", db.path()});
    CHECK(real.code == 0);
    CHECK(has(real.err, "give all of them --rev 6"));
    CHECK(!has(run_cli({"compact", "--rev", "7", "--all-members", db.path()}).err, "give all of them"));
}

TEST_CASE("etcd db: a vacuum counts the free pages as status does, whose hint names it") {
    BboltImage image = sample_image();
    image.free_pages = 600;
    const test::TempFile db(image.build());
    const json status = document({"status", db.path()});
    CHECK(status.at("store").at("free_pages") == 600);
    CHECK(document({"vacuum", "-n", db.path()}).at("store").at("free_pages") == 600);
    CHECK(status.at("hints").at(0).get<std::string>().find("kvctl vacuum --dry-run") != std::string::npos);
}

TEST_CASE("etcd db: --disarm takes the alarm away, also where nothing is left to compact") {
    BboltImage image = sample_image();
    image.buckets["alarm"][std::string("\x08\x01\x10\x01", 4)] = "";
    const test::TempFile db(image.build());
    CHECK(run_cli({"compact", "--rev", "6", db.path()}).code == 0);
    CHECK(store::BboltStore(db.path()).space_alarm());
    CHECK(has(run_cli({"compact", "--rev", "6", "--disarm", "-n", db.path()}).out,
              "the alarm NOSPACE would be disarmed"));
    for (const Args& target :
         std::vector<Args>{{"--rev", "6"}, {"--keep-last", "100"}, {"--target-size", "10G"}}) {
        Args words{"compact", "--disarm", "--min-gain", "99%"};
        words.insert(words.end(), target.begin(), target.end());
        words.push_back(db.path());
        CAPTURE(words);
        CHECK(document(words).at("result") == "below-min-gain");
        CHECK(store::BboltStore(db.path()).space_alarm());
    }
    CHECK(document({"compact", "--rev", "6", "--disarm", db.path()}).at("result") == "already-compacted");
    CHECK_FALSE(store::BboltStore(db.path()).space_alarm());
    CHECK(has(run_cli({"compact", "--rev", "6", "--disarm", db.path()}).out, "no alarm NOSPACE is raised"));
}

TEST_CASE("etcd db: what is not worth its gain leaves history and alarm, whatever else was asked for") {
    BboltImage image = sample_image();
    image.buckets["alarm"][std::string("\x08\x01\x10\x01", 4)] = "";
    const test::TempFile db(image.build());
    const std::string before = read_file(db.path());
    for (const bool dry : {true, false}) {
        CAPTURE(dry);
        Args words{"compact", "--rev", "6", "--min-gain", "99%", "--disarm", db.path()};
        if (dry) words.emplace_back("-n");
        const json said = document(words);
        CHECK(said.at("result") == "below-min-gain");
        CHECK(said.at("removed").at("revisions") == 0);
        CHECK(read_file(db.path()) == before);
    }
    const test::TempDir dir;
    CHECK(run_cli(
              {"compact", "--rev", "6", "--min-gain", "1", "--to", "kine", "-o", dir.file("new"), db.path()})
              .code == 2);
    for (const bool dry : {true, false}) {
        Args words{"compact", "--rev",         "6",      "--min-gain", "99%", "--list=" + dir.file("list"),
                   "-o",      dir.file("new"), db.path()};
        if (dry) words.emplace_back("-n");
        CHECK(document(words).at("result") == "below-min-gain");
        CHECK(fs::file_size(dir.file("list")) == 0);
        fs::remove(dir.file("list"));
    }
}

TEST_CASE(
    "etcd db: where only what was cut short is finished, the alarm stays, and the size is foretold so") {
    BboltImage image = sample_image();
    image.buckets["alarm"][std::string("\x08\x01\x10\x01", 4)] = "";
    image.buckets["meta"]["scheduledCompactRev"] = std::string(mvcc::EncodedRevision({4, 0}, false).bytes());
    const test::TempFile db(image.build());
    const Args words{"compact", "--rev", "6", "--min-gain", "99%", "--disarm", db.path()};
    Args dry_words = words;
    dry_words.emplace_back("-n");
    const json dry = document(dry_words);
    const json real = document(words);
    CHECK(real.at("revisions").at("compacted_after") == 4);
    CHECK(real.at("size").at("file_after") == dry.at("size").at("file_after"));
    CHECK(fs::file_size(db.path()) == dry.at("size").at("file_after").get<std::uint64_t>());
    CHECK(store::BboltStore(db.path()).space_alarm());
}

TEST_CASE(
    "etcd db: one of several names is refused, and foretold so; a copy has the size that was foretold") {
    const test::TempDir dir;
    write_file(dir.file("db"), sample_image().build());
    fs::create_hard_link(dir.file("db"), dir.file("other"));
    CHECK(document({"compact", "--rev", "6", "-n", dir.file("db")}).at("refusal_kind") == "refused");
    CHECK(run_cli({"compact", "--rev", "6", dir.file("db")}).code == 4);
    const auto shrunk = run_cli({"vacuum", dir.file("db")});
    CHECK(shrunk.code == 4);
    CHECK_MESSAGE(has(shrunk.err, "'kvctl compact --rev N -o NEW " + dir.file("db") + "'"), shrunk.err);
    // Where nothing is to be done nothing is in the way.
    CHECK(run_cli({"compact", "--keep-last", "100", dir.file("db")}).code == 0);
    CHECK_FALSE(document({"compact", "--keep-last", "100", "-n", dir.file("db")}).contains("refusal"));
    fs::remove(dir.file("other"));
    CHECK(run_cli({"compact", "--rev", "6", dir.file("db")}).code == 0);
    const json dry = document({"compact", "--rev", "1", "-n", "-o", dir.file("new"), dir.file("db")});
    const json real = document({"compact", "--rev", "1", "-o", dir.file("new"), dir.file("db")});
    CHECK(dry.at("size").at("file_after") == real.at("size").at("file_after"));
}

TEST_CASE("etcd db: one that is locked is refused with the pid at once, and foretold so") {
    const test::TempFile db(sample_image().build());
    const std::string bytes = read_file(db.path());
    // A lock of this process, through another descriptor, keeps its own writer off as a server's would.
    const int held = ::open(db.path().c_str(), O_RDONLY);
    REQUIRE(::flock(held, LOCK_EX) == 0);
    for (const Args& args :
         std::vector<Args>{{"compact", "--rev", "6", "-w", "json", db.path()},
                           {"compact", "--rev", "6", "--timeout", "20ms", "-w", "json", db.path()},
                           {"vacuum", "-w", "json", db.path()}}) {
        const Result r = run_cli(args);
        CHECK(r.code == 4);
        CHECK(kind_of(r) == "in-use");
    }
    const test::TempDir dir;
    CHECK(run_cli({"compact", "--rev", "6", "-o", dir.file("new"), db.path()}).code == 4);
    CHECK(document({"compact", "--rev", "6", "-n", db.path()}).at("removed").at("revisions") == 3);
    ::close(held);
    CHECK(read_file(db.path()) == bytes);
    CHECK(fs::directory_iterator(dir.path()) == fs::directory_iterator());
}

TEST_CASE("etcd db: --target-size finds the revision, --min-gain holds it off, --backup keeps the old file") {
    BboltImage image = etcd_image({});
    for (int i = 2; i < 300; ++i) {
        std::string value;
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = "k";
        r.create_revision = 2;
        r.version = i - 1;
        const std::string text(300, 'v');
        r.value = text;
        mvcc::append_key_value(value, r);
        image.buckets["key"][std::string(mvcc::EncodedRevision(r.revision, false).bytes())] = value;
    }
    const std::string bytes = image.build();
    const test::TempFile db(bytes);
    const test::TempDir dir;
    CHECK(document({"compact", "--keep-last", "290", "--min-gain", "50%", db.path()}).at("result") ==
          "below-min-gain");
    const json done =
        document({"compact", "--target-size", "40000", "--backup", dir.file("backup"), db.path()});
    CHECK(fs::file_size(db.path()) <= 40000);
    CHECK(fs::file_size(db.path()) > 40000 - 2 * 4096);
    CHECK(done.at("size").at("file_after") == fs::file_size(db.path()));
    CHECK(read_file(dir.file("backup")) == bytes);
}

TEST_CASE("conversions: etcd, native, kine and back answer every read the same") {
    const test::TempFile db(sample_image().build());
    const test::TempDir dir;
    const std::string native = dir.file("native");
    const std::string back = dir.file("back");
    const std::string snapshot = dir.file("snapshot");
    REQUIRE(run_cli({"import", db.path(), "-o", native}).code == 0);
    REQUIRE(run_cli({"import", native, "-o", back, "--to", "bbolt"}).code == 0);
    REQUIRE(run_cli({"import", native, "-o", snapshot, "--to", "snapshot"}).code == 0);
    for (std::int64_t at = 1; at <= 8; ++at) {
        CAPTURE(at);
        for (const std::string& store : {native, back, snapshot})
            CHECK(get_all(store, at) == get_all(db.path(), at));
    }
    store::BboltStore made(back);
    CHECK(made.leases() == store::BboltStore(db.path()).leases());
    CHECK_FALSE(made.head().consistent_index);
    CHECK(store::BboltStore(snapshot).file().digest_matches());
    CHECK(run_cli({"check", back}).code == 0);
}

TEST_CASE("conversions: kine holds one row a revision, and says which is in the way") {
    const test::TempFile db(sample_image().build());
    const test::TempDir dir;
    const std::string kine = dir.file("kine");
    const Result refused = run_cli({"import", db.path(), "-o", kine, "--to", "kine"});
    CHECK(refused.code == 4);
    CHECK(has(refused.err, "revision 7.0"));
    CHECK(has(refused.err, "--renumber"));
    CHECK_FALSE(fs::exists(kine));
    CHECK(run_cli({"import", db.path(), "-o", kine, "--to", "kine", "--renumber"}).code == 0);
    // 7.0, 7.1 and 7.2 are 7, 8 and 9 now, and 8.0 is 10.
    CHECK(document({"status", kine}).at("revisions").at("current") == 10);
    CHECK(get_all(kine, 10) == get_all(db.path(), 8));
    CHECK(get_all(kine, 6) == get_all(db.path(), 6));
    CHECK(run_cli({"check", kine}).code == 0);
    const json history = document({"history", "foo", kine});
    CHECK(history.dump().find("\"main\":6") != std::string::npos);
    // And into etcd again: the lease is the time to live it stood for.
    const std::string again = dir.file("again");
    CHECK(run_cli({"import", kine, "-o", again, "--to", "bbolt"}).code == 0);
    CHECK(store::BboltStore(again).leases() == std::vector<store::Lease>{{60, 60}});
    CHECK(get_all(again, 10) == get_all(kine, 10));
}

TEST_CASE("conversions: kine made from a compacted history chains on, its head is kept") {
    const test::TempFile db(sample_image().build());
    const test::TempDir dir;
    const std::string kine = dir.file("kine");
    REQUIRE(run_cli({"compact", "--rev", "8", db.path()}).code == 0);
    const Result r = run_cli({"compact", "--rev", "8", "-o", kine, "--to", "kine", "--renumber", db.path()});
    CHECK(r.code == 0);
    const json status = document({"status", kine});
    CHECK(status.at("revisions").at("compacted").get<int>() > 0);
    CHECK(get_all(kine, status.at("revisions").at("current")) == get_all(db.path(), 8));
    CHECK(run_cli({"check", kine}).code == 0);
}

TEST_CASE("conversions: a compaction that was asked for and not finished is done for kine's readers") {
    const test::TempDir dir;
    naive::Store history(naive::k_classic);
    for (int i = 2; i <= 9; ++i) {
        history.put("a", std::to_string(i));
        history.end();
    }
    make_native(dir.file("native"), history.row_list(),
                {.meta = {{"scheduled_compact_rev", 7}, {"finished_compact_rev", 3}}});
    REQUIRE(run_cli({"import", dir.file("native"), "-o", dir.file("db"), "--to", "bbolt"}).code == 0);
    write_file(dir.file("history"), run_cli({"export", dir.file("native")}).out);
    for (const char* const source : {"native", "db", "history"}) {
        CAPTURE(source);
        const std::string kine = dir.file(std::string(source) + ".kine");
        const Result r = run_cli({"import", dir.file(source), "-o", kine, "--to", "kine"});
        CHECK(r.code == 0);
        CHECK(has(r.err, "compaction at 7"));
        CHECK(document({"status", kine}).at("revisions").at("compacted") == 7);
        CHECK(run_cli({"get", "a", "--rev", "6", kine}).code == 4);
        CHECK(get_all(kine, 7) == get_all(dir.file("native"), 7));
        CHECK(run_cli({"check", kine}).code == 0);
        const std::string compacted = kine + ".compacted";
        const Result c =
            run_cli({"compact", "--rev", "7", "-o", compacted, "--to", "kine", dir.file("native")});
        CHECK(c.code == 0);
        CHECK_FALSE(has(c.err, "not finished: it is"));
        CHECK(document({"status", compacted}).at("revisions").at("compacted") == 7);
    }
}

TEST_CASE("conversions: what --renumber moves up is told as the new file counts") {
    const test::TempDir dir;
    naive::Store history(naive::k_classic);
    for (int i = 2; i <= 5; ++i) {  // each is two rows
        history.put("a", std::to_string(i));
        history.put("b", std::to_string(i));
        history.end();
    }
    make_native(dir.file("native"), history.row_list());
    const Args rest{"--rev", "4", "-o", dir.file("kine"), "--to", "kine", "--renumber", dir.file("native")};
    for (const bool forecast : {true, false}) {
        Args args{"compact"};
        if (forecast) args.emplace_back("--dry-run");
        args.insert(args.end(), rest.begin(), rest.end());
        const json revisions = document(args).at("revisions");
        CHECK(revisions.at("current") == 7);
        CHECK(revisions.at("compacted_after") == 5);
        CHECK(revisions.at("target") == 4);
    }
    const json made = document({"status", dir.file("kine")}).at("revisions");
    CHECK(made.at("current") == 7);
    CHECK(made.at("compacted") == 5);
}

TEST_CASE("conversions: an etcd db made of a compacted kine store is sound, damage in it is found") {
    const test::TempDir dir;
    KineMaker kine;
    kine.create("a", "1");  // 3
    kine.update("a", "2");  // 4
    kine.update("a", "3");  // 5
    kine.compact(4);
    kine.write(dir.file("kine"));
    for (const char* const to : {"native", "bbolt", "snapshot"}) {
        CAPTURE(to);
        REQUIRE(run_cli({"import", dir.file("kine"), "-o", dir.file(to), "--to", to}).code == 0);
        const Result r = run_cli({"check", "-w", "json", dir.file(to)});
        CHECK(r.code == 0);
        CHECK(has(r.out, "version-unknown"));
    }
    // Behind the compaction nothing is unknown, and a create revision is never above its row.
    for (const char* const damage :
         {"UPDATE meta SET value = 3", "UPDATE revision SET create_revision = 5 WHERE main = 4",
          "UPDATE revision SET create_revision = 0 WHERE main = 4",
          "UPDATE revision SET version = 1 WHERE main = 5"}) {
        CAPTURE(damage);
        const std::string broken = dir.file("broken");
        fs::copy_file(dir.file("native"), broken, fs::copy_options::overwrite_existing);
        run_sql(broken, damage);
        CHECK(run_cli({"check", broken}).code == 3);
    }
}

TEST_CASE("conversions: keys that kine gives a meaning of its own") {
    const test::TempDir dir;
    naive::Store history(naive::k_classic);
    history.put("compact_rev_key", "1");
    history.end();
    history.put("other", "2");
    history.end();
    make_native(dir.file("a"), history.row_list());
    REQUIRE(run_cli({"import", dir.file("a"), "-o", dir.file("kine"), "--to", "kine"}).code == 0);
    CHECK(has(run_cli({"get", "compact_rev_key_apiserver", dir.file("kine")}).out,
              "compact_rev_key_apiserver"));
    REQUIRE(run_cli({"import", dir.file("kine"), "-o", dir.file("db"), "--to", "bbolt"}).code == 0);
    CHECK(get_all(dir.file("db"), 3) == get_all(dir.file("kine"), 3));
    history.put("gap-7", "x");
    history.end();
    make_native(dir.file("b"), history.row_list());
    const Result r = run_cli({"import", dir.file("b"), "-o", dir.file("no"), "--to", "kine"});
    CHECK(r.code == 4);
    CHECK(has(r.err, "gap-7"));
}

TEST_CASE("conversions: kine's gaps become nothing, a head that only a gap holds is lowered") {
    const test::TempDir dir;
    KineMaker maker;
    maker.create("a", "1");
    maker.gap();
    maker.update("a", "2");
    maker.gap();
    maker.write(dir.file("kine"));
    const Result r = run_cli({"import", dir.file("kine"), "-o", dir.file("db"), "--to", "bbolt"});
    CHECK(r.code == 0);
    CHECK(has(r.err + r.out, "gaps left out"));
    CHECK(has(r.err + r.out, "the new store's is"));
    CHECK(document({"status", dir.file("db")}).at("revisions").at("current") == maker.current() - 1);
}

TEST_CASE("archives: every form that a tool at hand makes is read as the store in it") {
    const std::string bytes = sample_image().build();
    const test::TempDir dir;
    const std::string snapshot = dir.file("snap");
    write_file(snapshot, bytes + bbolt::sha256(bytes));
    const std::string in = "cd '" + dir.path().string() + "' && ";
    struct Form {
        const char* program;
        const char* command;
        const char* name;
    };
    std::size_t tried = 0;
    for (const Form& form : std::vector<Form>{{"gzip", "gzip -c snap > a", "a"},
                                              {"zstd", "zstd -qc snap > b", "b"},
                                              {"xz", "xz -c snap > c", "c"},
                                              {"bzip2", "bzip2 -c snap > d", "d"},
                                              {"lz4", "lz4 -qc snap > e", "e"},
                                              {"tar", "echo hi > readme && tar cf f readme snap", "f"},
                                              {"zip", "zip -q i.zip snap && mv i.zip i", "i"},
                                              {"gzip", "tar czf g readme snap", "g"},
                                              {"gzip", "gzip -c snap > snap.gz && tar czf h snap.gz", "h"}}) {
        if (!have(form.program)) continue;
        CAPTURE(form.command);
        REQUIRE(std::system((in + form.command).c_str()) == 0);
        const std::string file = dir.file(form.name);
        CHECK(document({"status", file}).at("revisions").at("current") == 8);
        CHECK(get_all(file, 6) == get_all(snapshot, 6));
        CHECK(run_cli({"check", file}).code == 0);
        const Result in_place = run_cli({"compact", "--rev", "6", file});
        CHECK(in_place.code == 2);
        CHECK(has(in_place.err, "-o NEW"));
        CHECK(run_cli({"vacuum", file}).code == 2);
        const std::string made = dir.file(std::string("new-") + form.name);
        CHECK(run_cli({"compact", "--rev", "6", "-o", made, file}).code == 0);
        CHECK(store::BboltStore(made).file().digest_matches());
        const std::string whole = read_file(file);
        write_file(file, whole.substr(0, whole.size() / 2));
        const Result cut = run_cli({"status", "-w", "json", file});
        CHECK(cut.code == 6);
        CHECK(kind_of(cut) == "damaged");
        // What is in a zip its directory says, which ends it.
        write_file(file, whole.substr(0, whole.size() - 60));
        if (std::string(form.program) == "zip") CHECK(run_cli({"status", file}).code == 6);
        ++tried;
    }
    CHECK(tried >= 3);
}

TEST_CASE("archives: a dry run in place foretells that an archive is only read, and what is done instead") {
    if (!have("gzip")) return;
    const test::TempDir dir;
    KineMaker maker = random_kine(3, 900, false);
    maker.write(dir.file("s.db"));
    REQUIRE(std::system(("gzip " + dir.file("s.db")).c_str()) == 0);
    const std::string archive = dir.file("s.db.gz");
    for (const Args& command : std::vector<Args>{{"compact", "--keep-last", "50"}, {"vacuum"}}) {
        CAPTURE(command.front());
        Args real = command;
        real.push_back(archive);
        Args dry = real;
        dry.emplace_back("-n");
        const json said = document(dry);
        CHECK(said.at("refusal_kind") == "usage");
        CHECK(has(said.at("refusal"), "archive is only read"));
        CHECK(has(said.at("refusal"), "-o NEW"));
        const Result done = run_cli(real);
        CHECK(done.code == 2);
        CHECK(has(done.err, said.at("refusal")));
    }
    const Result look = run_cli({"compact", "--keep-last", "50", "-n", archive});
    CHECK(has(look.out, "kvctl compact --keep-last 50 -o FILE " + archive));
}

TEST_CASE("archives: SQLite stores too, in either journal mode; several need a name") {
    const test::TempDir dir;
    make_native(dir.file("one"), sample_history().row_list());
    NativeShape wal;
    wal.wal = true;
    make_native(dir.file("two"), sample_history().row_list(), wal);
    const std::string in = "cd '" + dir.path().string() + "' && ";
    REQUIRE(std::system(
                (in + "gzip -c one > one.gz && gzip -c two > two.gz && tar cf both one two").c_str()) == 0);
    for (const char* name : {"one.gz", "two.gz"}) {
        CAPTURE(name);
        CHECK(get_all(dir.file(name), 8) == get_all(dir.file("one"), 8));
        CHECK(run_cli({"compact", "--rev", "6", "-o", dir.file(std::string(name) + ".new"), dir.file(name)})
                  .code == 0);
    }
    const Result several = run_cli({"status", dir.file("both")});
    CHECK(several.code == 2);
    CHECK(has(several.err, "one, two"));
    CHECK(run_cli({"status", "--member", "two", dir.file("both")}).code == 0);
    CHECK(run_cli({"status", "--member", "three", dir.file("both")}).code == 6);
    CHECK(run_cli({"status", "--member", "one", dir.file("one")}).code == 2);
}

TEST_CASE("archives: what SQLite keeps beside a store is a part of it, also where the store is named") {
    const test::TempDir dir;
    make_native(dir.file("db"), sample_history().row_list());
    make_native(dir.file("other"), sample_history().row_list());
    write_file(dir.file("empty"), "");
    const std::string in = "cd '" + dir.path().string() + "' && ";
    for (const std::string suffix : {"-wal", "-journal"}) {
        CAPTURE(suffix);
        fs::copy_file(dir.file("empty"), dir.file("db" + suffix));
        REQUIRE(std::system((in + "tar cf without db" + suffix + " db other").c_str()) == 0);
        write_file(dir.file("db" + suffix), "what is not in the file yet");
        REQUIRE(std::system((in + "tar cf before db" + suffix + " db other && tar cf behind db other db" +
                             suffix + " && tar cf alone db db" + suffix)
                                .c_str()) == 0);
        fs::remove(dir.file("db" + suffix));
        for (const char* const archive : {"before", "behind", "alone"}) {
            CAPTURE(std::string(archive));
            const Result r = run_cli({"status", "--member", "db", dir.file(archive)});
            CHECK(r.code == 4);
            CHECK(has(r.err, "db" + suffix + " beside the store"));
        }
        CHECK(run_cli({"status", dir.file("alone")}).code == 4);
        CHECK(run_cli({"status", "--member", "other", dir.file("behind")}).code == 0);
        CHECK(run_cli({"status", "--member", "db", dir.file("without")}).code == 0);
    }
}

TEST_CASE("folders: the one store in them is meant, several are named") {
    const test::TempDir dir;
    const std::string data = dir.file("etcd");
    fs::create_directories(data + "/member/snap");
    write_file(data + "/member/snap/db", sample_image().build());
    write_file(data + "/member/snap/0000000000000009.snap.db", sample_image().build());
    for (const char* folder : {"", "/member", "/member/snap"})
        CHECK(document({"status", data + folder}).at("revisions").at("current") == 8);
    CHECK(document({"status", dir.path().string()}).at("revisions").at("current") == 8);
    fs::create_directories(dir.file("k3s"));
    KineMaker maker;
    maker.create("a", "1");
    maker.write(dir.file("k3s/state.db"));
    CHECK(document({"status", dir.file("k3s")}).at("store").at("layout") == "kine");
    make_native(dir.file("k3s/other.db"), sample_history().row_list());
    const Result several = run_cli({"status", dir.file("k3s")});
    CHECK(several.code == 2);
    CHECK(has(several.err, "other.db, state.db"));
    fs::create_directories(dir.file("empty"));
    CHECK(run_cli({"status", dir.file("empty")}).code == 6);
}

TEST_CASE("compact --to: a dry run says beforehand what the other layout cannot hold") {
    const test::TempFile db(sample_image().build());
    const test::TempDir dir;
    const Args words{"compact", "--rev", "6", "--to", "kine", "--renumber", "-o", dir.file("new"), db.path()};
    Args dry = words;
    dry.insert(dry.end() - 1, "-n");
    const json before = document(dry);
    CHECK(!fs::exists(dir.file("new")));
    const json after = document(words);
    CHECK(!before.at("warnings").empty());
    CHECK(before.at("warnings") == after.at("warnings"));
    CHECK(before.at("findings") == after.at("findings"));
}

TEST_CASE("salvage: a broken leaf of an etcd db costs its rows, and they are named") {
    std::vector<mvcc::Record> records;
    for (int i = 2; i < 400; ++i) {
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = i % 2 == 0 ? "even" : "odd";
        r.create_revision = 2 + i % 2;
        r.version = i / 2;
        r.value = "value";
        records.push_back(r);
    }
    BboltImage image = etcd_image(records, 1024);
    std::string bytes = image.build();
    const auto leaves = image.pages_with(0x02);
    REQUIRE(leaves.size() > 5);
    patch(bytes, leaves[3] * 1024, std::string(1024, '\0'));
    const test::TempFile db(bytes);
    const test::TempDir dir;
    const Result refused = run_cli({"import", db.path(), "-o", dir.file("no")});
    CHECK(refused.code == 6);
    CHECK(has(refused.err, "kvctl check"));
    CHECK(has(refused.err, "import --salvage"));
    const json done = document({"import", "--salvage", "-o", dir.file("new"), db.path()}, 3);
    CHECK(done.at("result") == "salvaged");
    REQUIRE(done.at("lost").size() == 1);
    const std::int64_t from = done.at("lost")[0].at("from");
    const std::int64_t to = done.at("lost")[0].at("to");
    CHECK(done.at("lost")[0].at("keys").size() == 2);
    const auto store = store::open_store(dir.file("new"), {});
    std::int64_t rows = 0;
    store->each_record(MainRevision{0}, MainRevision{1000}, [&](const mvcc::Record& r) {
        CHECK((r.revision.main < from || r.revision.main > to));
        ++rows;
    });
    CHECK(rows == 398 - (to - from + 1));
}

TEST_CASE("salvage: several keys of one revision are refused for kine by the source's name and the way out") {
    std::vector<mvcc::Record> records;
    for (int sub = 0; sub < 2; ++sub) {
        mvcc::Record r;
        r.revision = {5, sub};
        r.key = sub == 0 ? "a" : "b";
        r.create_revision = 5;
        r.version = 1;
        records.push_back(r);
    }
    const test::TempFile db(test::etcd_image(records).build());
    const test::TempDir dir;
    const Result r = run_cli({"import", "--salvage", "--to", "kine", "-o", dir.file("new"), db.path()});
    CHECK(r.code == 4);
    CHECK(has(r.err, db.path() + ": revision 5 holds several keys"));
    CHECK(has(r.err, "--renumber"));
    CHECK(!fs::exists(dir.file("new")));
}

TEST_CASE("salvage: a broken page of a kine table costs its rows, the others stay as they were") {
    const test::TempDir dir;
    KineMaker maker = random_kine(3, 900, false);
    maker.write(dir.file("kine"));
    std::string bytes = read_file(dir.file("kine"));
    // A leaf of the table: rows end with text that stands nowhere else.
    std::size_t page = 0;
    for (std::size_t p = 3; p < bytes.size() / 4096 && page == 0; ++p) {
        if (bytes[p * 4096] == '\x0d') page = p;
    }
    REQUIRE(page != 0);
    bytes.replace(page * 4096, 4096, std::string(4096, '\0'));
    write_file(dir.file("kine"), bytes);
    const json done =
        document({"import", "--salvage", "--to", "kine", "-o", dir.file("new"), dir.file("kine")}, 3);
    CHECK(done.at("lost").size() >= 1);
    CHECK(done.at("counts").at("revisions").get<std::size_t>() + 300 > maker.rows().size());
    CHECK(document({"status", dir.file("new")}).at("store").at("layout") == "kine");
    const Result text = run_cli({"import", "--salvage", "-o", dir.file("text"), dir.file("kine")});
    CHECK(text.code == 3);
    CHECK(has(text.out, "Missing, or incomplete"));
}

TEST_CASE("salvage: of a file that ends too early it takes what is there, and leaves it as it is") {
    const test::TempDir dir;
    KineMaker maker = random_kine(3, 900, false);
    maker.write(dir.file("kine"));
    REQUIRE(run_cli({"import", "-q", "--to", "bbolt", "-o", dir.file("etcd"), dir.file("kine")}).code == 0);
    for (const char* const name : {"kine", "etcd"}) {
        CAPTURE(std::string(name));
        const std::string whole = read_file(dir.file(name));
        const std::string cut = whole.substr(0, whole.size() - 2 * 4096 - 100);
        const std::string path = dir.file(std::string(name) + ".cut");
        write_file(path, cut);
        const Result refused = run_cli({"status", path});
        CHECK(refused.code == 6);
        CHECK(has(refused.err, "import --salvage"));
        const std::string out = dir.file(std::string(name) + ".new");
        const json done = document({"import", "--salvage", "-o", out, path}, 3);
        CHECK(done.at("counts").at("revisions").get<std::size_t>() + 200 > maker.rows().size());
        CHECK(native_rows(out).size() == done.at("counts").at("revisions").get<std::size_t>());
        CHECK(read_file(path) == cut);
        if (name == std::string("kine")) CHECK(run_cli({"check", out}).code == 0);
    }
    // The schema's page alone, or less, whatever layout is asked for.
    for (const std::size_t bytes : {4096U, 3000U}) {
        write_file(dir.file("start"), read_file(dir.file("kine")).substr(0, bytes));
        const Result nothing = run_cli({"import", "--salvage", "--layout", "kine", "--to", "kine", "-o",
                                        dir.file("nothing"), dir.file("start")});
        CHECK(nothing.code == 6);
        CHECK(has(nothing.err, "nothing is to be had"));
        CHECK(!has(nothing.err, "--salvage"));
        CHECK(!fs::exists(dir.file("nothing")));
    }
}

TEST_CASE("salvage: of an etcd db that lost its root it takes only pages that are known to be in use") {
    std::vector<mvcc::Record> records;
    for (int i = 2; i < 400; ++i) {
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = "key";
        r.create_revision = 2;
        r.version = i - 1;
        r.value = "value";
        records.push_back(r);
    }
    for (const bool freelist : {false, true}) {
        CAPTURE(freelist);
        BboltImage image = etcd_image(records, 1024);
        image.store_freelist = freelist;
        image.free_pages = 1;
        std::string bytes = image.build();
        // The free page is a leaf that was given up: the rows on it are told from those in use.
        patch(bytes, std::size_t{2} * 1024, bytes.substr(image.pages_with(0x02).at(2) * 1024, 1024));
        patch(bytes, std::size_t{2} * 1024, le64(2));
        patch(bytes, image.root() * 1024, std::string(1024, '\0'));
        const test::TempFile db(bytes);
        const test::TempDir dir;
        if (!freelist) {
            const Result r = run_cli({"import", "--salvage", "-o", dir.file("new"), db.path()});
            CHECK(r.code == 6);
            CHECK(has(r.err, "cannot be found"));
            continue;
        }
        const json done = document({"import", "--salvage", "-o", dir.file("new"), db.path()}, 3);
        CHECK(done.at("counts").at("revisions") == records.size());
        REQUIRE(done.at("lost").size() == 1);
        CHECK(done.at("lost")[0].at("from").is_null());
    }
}

TEST_CASE("salvage: what it counts is what it wrote") {
    const test::TempDir dir;
    const std::string store = test::testdata("stores/k3s-sample.db");
    for (const char* const to : {"native", "kine"}) {
        CAPTURE(std::string(to));
        const std::string out = dir.file(to);
        const json done = document({"import", "--salvage", "--to", to, "-o", out, store}, 3);
        const json made = document({"status", out});
        CHECK(done.at("counts").at("revisions") == made.at("counts").at("revisions"));
        CHECK(done.at("counts").at("tombstones") == made.at("counts").at("tombstones"));
    }
}

TEST_CASE("salvage: two rows that replace one cost kine's unique index alone") {
    const test::TempDir dir;
    KineMaker maker;
    for (int i = 0; i < 400; ++i) maker.put("/k" + std::to_string(i % 7), std::string(200, 'v'));
    // Without a primary key nothing keeps a table from holding a name and its predecessor twice.
    maker.write(dir.file("kine"),
                {.after = "CREATE TABLE copy AS SELECT * FROM kine; DROP TABLE kine; ALTER TABLE copy RENAME "
                          "TO kine; UPDATE kine SET prev_revision = (SELECT prev_revision FROM kine WHERE id "
                          "= 300) WHERE id = 307"});
    const json done =
        document({"import", "--salvage", "--to", "kine", "-o", dir.file("new"), dir.file("kine")}, 3);
    CHECK(has(done.at("warnings").dump(), "two rows replace one"));
    const sqlite::Database made = sqlite::Database::open(dir.file("new"), sqlite::Database::Mode::read);
    CHECK(made.text("PRAGMA integrity_check") == "ok");
    CHECK(made.integer("SELECT count(*) FROM kine") == static_cast<std::int64_t>(maker.rows().size()));
    CHECK(made.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'index'") == 5);
}

TEST_CASE("salvage: that no compact revision was found is said where there is none") {
    const test::TempDir dir;
    KineMaker maker;
    maker.create("/a", "1");
    maker.write(dir.file("sound"));
    maker.write(dir.file("without"), {.after = "DELETE FROM kine WHERE name = 'compact_rev_key'"});
    for (const char* const name : {"sound", "without"}) {
        CAPTURE(std::string(name));
        const std::string out = dir.file(std::string(name) + ".new");
        const json done = document({"import", "--salvage", "--to", "kine", "-o", out, dir.file(name)}, 3);
        CHECK(has(done.at("warnings").dump(), "no compact revision") == (std::string(name) == "without"));
    }
}

TEST_CASE("options that a layout or a form has no use for are usage errors, in a dry run too") {
    const test::TempDir dir;
    KineMaker maker;
    for (int i = 0; i < 20; ++i) maker.put("/a", "1");
    maker.write(dir.file("kine"), {.wal = true});
    write_file(dir.file("etcd"), sample_image().build());
    const std::string kine = dir.file("kine");
    const std::string etcd = dir.file("etcd");
    const std::string out = dir.file("new");
    for (const Args& args : std::vector<Args>{
             {"compact", "--keep-last", "1", "--live", "--member", "foo", kine},
             {"compact", "--keep-last", "1", "--member", "foo", kine},
             {"import", "--salvage", "--member", "foo", "-o", out, kine},
             {"import", "--salvage", "--raft-index", "5", "-o", out, kine},
             {"import", "--salvage", "--wal-dir", dir.path().string(), "-o", out, kine},
             {"compact", "--keep-last", "1", "--drop-old-values", "--to", "bbolt", "-o", out, kine},
             {"compact", "--keep-last", "1", "--voter", "3", "-o", out, kine},
             {"du", "--by", "bucket", "--top", "1", etcd},
             {"du", "--by", "bucket", "--under", "/a", etcd},
             {"du", "--by", "bucket", "--sort", "keys", etcd},
             {"du", "--by", "bucket", "--rev", "6", etcd}}) {
        for (const bool dry : {true, false}) {
            if (dry && args.front() != "compact") continue;
            Args all = args;
            if (dry) all.insert(all.end() - 1, "-n");
            std::string command;
            for (const std::string& word : all) command += word + " ";
            CAPTURE(command);
            const Result r = run_cli(all);
            CAPTURE(r.err);
            CHECK(r.code == 2);
            CHECK(!fs::exists(out));
        }
    }
}

TEST_CASE("errors: no way out of a broken history file names a command that takes none") {
    const test::TempDir dir;
    write_file(dir.file("history"), "{\"format\":\"kvhistory/1\"}\n{\"rev\":-1,\"ops\":[]}\n");
    const Result r = run_cli({"import", "-o", dir.file("new"), dir.file("history")});
    CHECK(r.code == 6);
    CHECK(has(r.err, "line 2"));
    CHECK(!has(r.err, "kvctl check"));
    CHECK(!has(r.err, "--salvage"));
}

TEST_CASE("salvage: of a sound store it takes everything, and says that nothing is missing") {
    const test::TempDir dir;
    make_native(dir.file("native"), sample_history().row_list());
    const json done = document({"import", "--salvage", "-o", dir.file("new"), dir.file("native")}, 3);
    CHECK(done.at("lost").empty());
    CHECK(native_rows(dir.file("new")).size() == sample_history().rows().size());
}
