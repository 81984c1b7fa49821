#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/jobs/compact.hpp"
#include "kvctl/sqlite/database.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// What happens to a store between two transactions of a compaction beside its server: every step of a run
// tells its progress first, and there another connection does what a server or an administrator would.
using namespace kvctl;
using namespace kvctl::test;
using std::chrono::milliseconds;

namespace {

class Meanwhile final : public Progress {
  public:
    // `f` gets the number of the step that is about to begin, from 1 on.
    explicit Meanwhile(std::function<void(int)> f) : f_(std::move(f)) {}
    void update(std::string_view phase, std::uint64_t /*done*/, std::uint64_t /*total*/) override {
        if (phase.starts_with("compacting")) f_(++steps);
    }
    int steps = 0;

  private:
    std::function<void(int)> f_;
};

jobs::CompactRequest live_request(const std::string& path, std::uint64_t keep_last, std::int64_t batch) {
    jobs::CompactRequest r;
    r.path = path;
    r.keep_last = keep_last;
    r.batch = batch;
    r.live.emplace();
    r.live->pause = milliseconds(0);
    r.live->timeout_ms = 300;
    return r;
}

std::string describe(const std::vector<std::string>& wrong) {
    std::string all;
    for (const std::string& w : wrong) all += w + "\n";
    return all;
}

// As kine does it since 0.16.5: what lies above the compact revision and at or below `to`.
std::string kine_compacts(std::int64_t to, bool moves_compact_revision = true) {
    const std::string t = std::to_string(to);
    const std::string c =
        moves_compact_revision ? "(SELECT max(prev_revision) FROM kine WHERE name = 'compact_rev_key')" : "0";
    return "BEGIN IMMEDIATE; DELETE FROM kine WHERE id IN (SELECT prev_revision FROM kine WHERE name != "
           "'compact_rev_key' AND prev_revision != 0 AND id > " +
           c + " AND id <= " + t + " UNION SELECT id FROM kine WHERE deleted != 0 AND id > " + c +
           " AND id <= " + t + ");" +
           (moves_compact_revision
                ? "UPDATE kine SET prev_revision = " + t + " WHERE name = 'compact_rev_key';"
                : "") +
           "COMMIT";
}

// As a writer of kine's: the next revision of a key.
std::string kine_writes(const std::string& key) {
    return "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, "
           "old_value) SELECT "
           "name, 0, 0, CASE WHEN create_revision = 0 THEN id ELSE create_revision END, id, 0, x'76', value "
           "FROM kine "
           "WHERE name = '" +
           key + "' ORDER BY id DESC LIMIT 1";
}

std::string kine_deletes(const std::string& key) {
    return "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, "
           "old_value) SELECT name, 0, 1, CASE WHEN create_revision = 0 THEN id ELSE create_revision END, "
           "id, 0, value, value FROM kine WHERE name = '" +
           key + "' ORDER BY id DESC LIMIT 1";
}

void run(const std::string& path, const std::string& sql) {
    sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::write);
    db.exec(sql);
    db.close();
}

// A store of which some 1,500 revisions can go, and a copy of it.
struct Pair {
    TempDir dir;
    std::string path = dir.file("state.db");
    std::string before = dir.file("before.db");

    explicit Pair(std::uint32_t seed = 5, KineAge age = KineAge::v0_16_3) {
        KineMaker kine = backlogged_kine(seed, 2600);
        for (int i = 0; i < 40; ++i) kine.put("/registry/last", "v" + std::to_string(i));
        kine.write(path, {.age = age});
        std::filesystem::copy_file(path, before);
    }
    [[nodiscard]] std::int64_t number(const std::string& sql) const {
        return std::stoll(query_one(path, sql));
    }
    [[nodiscard]] std::int64_t compacted() const {
        return number("SELECT prev_revision FROM kine WHERE name = 'compact_rev_key'");
    }
    [[nodiscard]] std::int64_t current() const { return number("SELECT max(id) FROM kine"); }
    [[nodiscard]] std::string wrong_at(std::int64_t revision) const {
        return describe(compare_kine(before, path, revision));
    }
};

// Does `f` when a run comes to a phase, once.
class At final : public Progress {
  public:
    At(std::string phase, std::function<void()> f) : phase_(std::move(phase)), f_(std::move(f)) {}
    void update(std::string_view phase, std::uint64_t /*done*/, std::uint64_t /*total*/) override {
        if (phase != phase_ || done_) return;
        done_ = true;
        f_();
    }

  private:
    std::string phase_;
    std::function<void()> f_;
    bool done_ = false;
};

// Has the rows that the request lists in `rows`.
void list_rows(jobs::CompactRequest& request, const std::string& file, std::vector<std::int64_t>& rows) {
    request.list_file = file;
    request.write_list = [&rows](const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
        rows.clear();
        mvcc::RemovedRows(index, plan).for_each([&](const mvcc::RemovedRow& row) {
            rows.push_back(index.revision(row.slot).main);
        });
    };
}

ErrorKind kind_of(const jobs::CompactRequest& request, Progress& progress, std::string& message) {
    try {
        (void)jobs::compact(request, &progress);
    } catch (const Error& e) {
        message = e.what();
        return e.kind();
    }
    message = "done";
    return ErrorKind::internal;
}

}  // namespace

TEST_CASE("live: the store is an exact compaction at its compact revision before every step") {
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        const Pair store(seed);
        const std::int64_t begin = store.compacted();
        Meanwhile look([&](int step) {
            CAPTURE(step);
            // Orphans at or below the first compact revision go last.
            if (step % 3 == 2 && store.compacted() > begin) {
                const std::string wrong = store.wrong_at(store.compacted());
                const bool orphans_alone =
                    wrong.find("gone") == std::string::npos && wrong.find("changed") == std::string::npos;
                CHECK_MESSAGE(orphans_alone, wrong);
            }
        });
        const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 150), &look);
        CHECK(look.steps > 3);
        CHECK(done.report.result == "compacted");
        CHECK(done.report.live->counts->foreign_compactions == 0);
        CHECK(done.report.live->counts->transactions >= 3);
        CHECK(store.compacted() == store.current() - 1000);
        CHECK(store.wrong_at(store.current() - 1000).empty());
    }
}

TEST_CASE("live: what the server writes meanwhile stays, and its own compaction is taken over") {
    const Pair store;
    const std::int64_t current = store.current();
    const std::int64_t target = current - 1000;
    Meanwhile server([&](int step) {
        run(store.path, kine_writes("/registry/last"));
        // Between this run's revisions, and once far ahead of them.
        if (step == 2) run(store.path, kine_compacts(store.compacted() + 3));
        if (step == 4) run(store.path, kine_compacts(store.compacted() + 400));
    });
    const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 60), &server);
    CHECK(done.report.result == "compacted");
    CHECK(done.report.live->counts->foreign_compactions == 2);
    CHECK(store.compacted() == target);
    CHECK(store.number("SELECT count(*) FROM kine WHERE id > " + std::to_string(current)) == server.steps);
    run(store.path, "DELETE FROM kine WHERE id > " + std::to_string(current));
    CHECK(store.wrong_at(target).empty());
    CHECK(done.report.plan->compacted_after == MainRevision(target));
}

TEST_CASE("live: a compaction that went beyond the target leaves what it left, and orphans go") {
    const Pair store;
    const std::int64_t target = store.current() - 1500;
    Meanwhile server([&](int step) {
        if (step == 2) run(store.path, kine_compacts(target + 400));
    });
    const jobs::CompactResult done = jobs::compact(live_request(store.path, 1500, 60), &server);
    CHECK(done.report.live->counts->foreign_compactions == 1);
    CHECK(store.compacted() == target + 400);
    CHECK(done.report.plan->compacted_after == MainRevision(target + 400));
    // Whatever kvctl itself would still remove there was an orphan above this run's target.
    CHECK(store.wrong_at(target + 400).find("gone") == std::string::npos);
    CHECK(run_cli({"check", store.path}).code == run_cli({"check", store.before}).code);
}

TEST_CASE(
    "live: a compaction that does not tell its revision, as kine 0.11.9 to 0.13.15 have one, does no harm") {
    const Pair store;
    const std::int64_t target = store.current() - 1000;
    Meanwhile server([&](int step) {
        if (step == 2) run(store.path, kine_compacts(target, false));
    });
    const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 60), &server);
    CHECK(store.compacted() == target);
    CHECK(store.wrong_at(target).empty());
    CHECK(has(done.report.notes.warnings.back(), "went by another compaction"));
}

TEST_CASE(
    "live: such a compaction behind the last step, and a newest row that somebody takes away, are told") {
    constexpr KineAge old = KineAge::v0_5;  // the indexes of such a release
    const Pair store(5, old);
    const std::int64_t target = store.current() - 1000;
    At rpc("comparing", [&] { run(store.path, kine_compacts(target + 500, false)); });
    const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 600), &rpc);
    CHECK(done.report.result == "compacted");
    CHECK(has(done.report.notes.warnings.back(), "no compact revision says so"));
    const Pair other(5, old);
    At hand("comparing", [&] { run(other.path, "DELETE FROM kine WHERE name = '/registry/last'"); });
    std::string message;
    CHECK(kind_of(live_request(other.path, 1000, 600), hand, message) == ErrorKind::damaged);
    CHECK(has(message, "is gone, which nobody may remove"));
    // It is nobody's fault where it was replaced meanwhile.
    const Pair busy(5, old);
    At replaced("comparing", [&] {
        run(busy.path, kine_writes("/registry/last"));
        run(busy.path, kine_compacts(busy.current(), false));
    });
    const jobs::CompactResult result = jobs::compact(live_request(busy.path, 1000, 600), &replaced);
    CHECK(result.report.result == "compacted");
    CHECK(has(result.report.notes.warnings.back(), "no compact revision says so"));
    // Nor where it was deleted, and the tombstone went as well.
    const Pair later(5, old);
    const std::string other_key =
        query_one(later.path,
                  "SELECT name FROM kine WHERE name <> '/registry/last' AND deleted = 0 AND id = (SELECT "
                  "max(id) FROM kine k WHERE k.name = kine.name) LIMIT 1");
    At deleted("comparing", [&] {
        run(later.path, kine_deletes("/registry/last"));
        run(later.path, kine_writes(other_key));
        run(later.path, kine_compacts(later.current(), false));
    });
    CHECK(jobs::compact(live_request(later.path, 1000, 600), &deleted).report.result == "compacted");
    CHECK(later.number("SELECT count(*) FROM kine WHERE name = '/registry/last'") == 0);
    // No newer kine takes a revision above the compact one.
    const Pair newer;
    At untold("comparing", [&] { run(newer.path, kine_compacts(target + 500, false)); });
    CHECK(kind_of(live_request(newer.path, 1000, 600), untold, message) == ErrorKind::damaged);
    CHECK(has(message, "is gone, which nobody may remove"));
}

TEST_CASE("live: a revision that stays and changes behind its back is found, whatever changes of it") {
    for (const char* const change :
         {"value = x'00'", "value = NULL", "old_value = x'00'", "created = 1 - created", "lease = lease + 1",
          "create_revision = 5", "prev_revision = 5", "deleted = 7", "name = name || 'x'"}) {
        CAPTURE(change);
        const Pair store;
        const std::int64_t target = store.current() - 1000;
        // A live one at or below the target, and one above.
        const std::string live = query_one(
            store.path,
            "SELECT min(id) FROM kine k WHERE deleted = 0 AND name <> 'compact_rev_key' AND NOT EXISTS "
            "(SELECT 1 FROM kine n WHERE n.name = k.name AND n.id > k.id AND n.id <= " +
                std::to_string(target) + ")");
        for (const std::string& id : {live, std::to_string(target + 900)}) {
            CAPTURE(id);
            const Pair changed;
            At hand("comparing", [&] {
                run(changed.path, "UPDATE kine SET " + std::string(change) + " WHERE id IN (" + id + ", " +
                                      std::to_string(changed.current()) + ")");
            });
            std::string message;
            CHECK(kind_of(live_request(changed.path, 1000, 600), hand, message) == ErrorKind::damaged);
            CHECK_MESSAGE(has(message, "row " + id + " is another one now"), message);
            CHECK(has(message, "'kvctl check " + changed.path + "'"));
            CHECK_FALSE(has(message, "not compared"));
        }
    }
}

TEST_CASE("live: a change behind its back shows between two transactions, before the work is done") {
    const Pair store;
    const std::int64_t target = store.current() - 1000;
    Meanwhile hand([&](int step) {
        if (step == 2)
            run(store.path, "UPDATE kine SET value = x'00' WHERE id = " + std::to_string(target + 5));
    });
    std::string message;
    CHECK(kind_of(live_request(store.path, 1000, 60), hand, message) == ErrorKind::damaged);
    CHECK(has(message, "row " + std::to_string(target + 5) + " is another one now"));
    CHECK(store.compacted() < target);
    const Pair other;
    Meanwhile gone([&](int step) {
        if (step == 2) run(other.path, "DELETE FROM kine WHERE id = " + std::to_string(target + 5));
    });
    CHECK(kind_of(live_request(other.path, 1000, 60), gone, message) == ErrorKind::damaged);
    CHECK(has(message, "row " + std::to_string(target + 5) + " is gone"));
    CHECK(other.compacted() < target);
}

TEST_CASE("live: what stays is counted once it is compared, and nothing a server does is taken for a fault") {
    {
        const Pair store;
        Meanwhile nothing([](int) {});
        const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 600), &nothing);
        // All but the compact row.
        CHECK(static_cast<std::int64_t>(done.report.live->counts->unchanged) ==
              store.number("SELECT count(*) FROM kine") - 1);
    }
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        CAPTURE(seed);
        const Pair store;
        std::mt19937 dice(seed);
        const auto key = [&] {
            return query_one(store.path,
                             "SELECT name FROM kine k WHERE name <> 'compact_rev_key' AND deleted = 0 "
                             "AND id = (SELECT max(id) FROM kine WHERE name = k.name) ORDER BY id % " +
                                 std::to_string(2 + dice() % 50) + " LIMIT 1");
        };
        const auto writes = [&](std::uint64_t n) {
            for (; n > 0; --n) run(store.path, dice() % 4 == 0 ? kine_deletes(key()) : kine_writes(key()));
        };
        class Always final : public Progress {
          public:
            explicit Always(std::function<void(bool)> f) : f_(std::move(f)) {}
            void update(std::string_view phase, std::uint64_t /*done*/, std::uint64_t /*total*/) override {
                if (phase != "reading") f_(phase == "comparing");
            }

          private:
            std::function<void(bool)> f_;
        } server([&](bool last) {
            writes(last ? 30 : dice() % 6);
            // kine leaves more: this goes beyond all that was there at the beginning.
            if (last && seed % 2 == 0) run(store.path, kine_compacts(store.current() - 1));
            if (last || dice() % 5 != 0) return;
            const auto further = static_cast<std::int64_t>(dice() % 500);
            run(store.path, kine_compacts(std::min(store.current() - 1, store.compacted() + further)));
        });
        const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 60), &server);
        CHECK(done.report.result == "compacted");
        for (const std::string& w : done.report.notes.warnings) CHECK_FALSE(has(w, "no compact revision"));
    }
}

TEST_CASE("live: a pointer into another key, which kine follows, and gaps that a second server puts in") {
    const Pair store;
    const std::int64_t target = store.current() - 1000;
    const std::string live = query_one(
        store.path,
        "SELECT id FROM kine k WHERE deleted = 0 AND name <> 'compact_rev_key' AND "
        "name <> '/registry/last' AND id <= " +
            std::to_string(target) + " AND id = (SELECT max(id) FROM kine WHERE name = k.name) LIMIT 1");
    const std::string from = query_one(store.path, "SELECT max(id) FROM kine WHERE name = '/registry/last'");
    run(store.path, "UPDATE kine SET prev_revision = " + live + " WHERE id = " + from);
    Meanwhile server([&](int step) {
        if (step == 2) run(store.path, kine_compacts(store.current()));
    });
    const jobs::CompactResult done = jobs::compact(live_request(store.path, 1000, 60), &server);
    CHECK(done.report.result == "compacted");
    CHECK(store.number("SELECT count(*) FROM kine WHERE id = " + live) == 0);
    CHECK(has(done.report.notes.warnings.back(), "1 revision that stay"));
    const Pair other;
    At gaps("comparing", [&] {
        run(other.path, kine_compacts(target + 300));
        run(other.path, "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < " +
                            std::to_string(target + 300) +
                            ") INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, "
                            "lease) SELECT i, "
                            "'gap-' || i, 0, 1, 0, 0, 0 FROM n WHERE i NOT IN (SELECT id FROM kine)");
    });
    CHECK(jobs::compact(live_request(other.path, 1000, 600), &gaps).report.result == "compacted");
}

TEST_CASE("live: a compact revision that went back is no compaction of somebody else's") {
    const Pair store;
    const std::int64_t target = store.current() - 1000;
    At hand("comparing",
            [&] { run(store.path, "UPDATE kine SET prev_revision = 7 WHERE name = 'compact_rev_key'"); });
    std::string message;
    CHECK(kind_of(live_request(store.path, 1000, 600), hand, message) == ErrorKind::damaged);
    CHECK(has(message, "its compact revision went back from " + std::to_string(target) + " to 7"));
}

TEST_CASE("live: a second compact row is told as such, and a store that went back before the first step") {
    const Pair store;
    Meanwhile hand([&](int step) {
        if (step == 3)
            run(store.path,
                "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease) VALUES "
                "('compact_rev_key', 1, 0, 0, 1, 0)");
    });
    std::string message;
    CHECK(kind_of(live_request(store.path, 1000, 60), hand, message) == ErrorKind::refused);
    CHECK(has(message, "2 rows hold the compact revision"));
    const Pair other;
    const std::int64_t begin = other.compacted();
    Meanwhile back([&](int) { run(other.path, "DELETE FROM kine WHERE id = (SELECT max(id) FROM kine)"); });
    CHECK(kind_of(live_request(other.path, 1000, 60), back, message) == ErrorKind::refused);
    CHECK(has(message, "it is not the store that it was"));
    CHECK(other.compacted() == begin);
}

TEST_CASE("live: what a run that ends early did not come to is neither counted nor listed") {
    // Rows that an earlier compaction left go last.
    const auto with_orphans = [](const Pair& store) {
        jobs::CompactRequest all = live_request(store.path, 2200, 600);
        Meanwhile nothing([](int) {});
        (void)jobs::compact(all, &nothing);
        const std::int64_t compacted = store.compacted();
        std::int64_t before = 0;
        int made = 0;
        for (std::int64_t id = 1; id < compacted && made < 40; ++id) {
            if (store.number("SELECT count(*) FROM kine WHERE id = " + std::to_string(id)) != 0) continue;
            // The first that is missing is the one before the first that is there again.
            if (before != 0) {
                const std::string row =
                    made % 4 == 0
                        ? "'/orphan/" + std::to_string(id) + "', 1, 1, " + std::to_string(id) + ", 0"
                        : "'/registry/last', 0, 0, " + std::to_string(id) + ", " + std::to_string(before);
                run(store.path,
                    "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, "
                    "value) VALUES (" +
                        std::to_string(id) + ", " + row + ", 0, x'76')");
                ++made;
            }
            before = id;
        }
        REQUIRE(made == 40);
    };
    const auto agree = [](const Pair& store, const std::vector<std::int64_t>& listed, std::int64_t rows) {
        CHECK_FALSE(listed.empty());
        for (const std::int64_t id : listed) {
            CAPTURE(id);
            CHECK(store.number("SELECT count(*) FROM kine WHERE id = " + std::to_string(id)) == 0);
        }
        CHECK(rows - store.number("SELECT count(*) FROM kine") == static_cast<std::int64_t>(listed.size()));
    };
    std::vector<std::int64_t> listed;
    SUBCASE("time is up") {
        const Pair store;
        with_orphans(store);
        const std::int64_t rows = store.number("SELECT count(*) FROM kine");
        jobs::CompactRequest request = live_request(store.path, 1000, 40);
        request.live->max_time = milliseconds(100);
        request.live->pause = milliseconds(40);
        list_rows(request, store.dir.file("list"), listed);
        Meanwhile nothing([](int) {});
        const jobs::CompactResult done = jobs::compact(request, &nothing);
        CHECK(done.report.result == "partly");
        agree(store, listed, rows);
        const mvcc::CompactionPlan& plan = *done.plan;
        CHECK(plan.removed.revisions == listed.size());
        CHECK(plan.kept.revisions + plan.removed.revisions == plan.before.revisions);
        CHECK(plan.kept.keys + plan.removed.keys == plan.before.keys);
        CHECK(plan.kept.bytes + plan.removed.bytes == plan.before.bytes);
        // What stays is what the table has.
        const std::string of_keys = " FROM kine WHERE name <> 'compact_rev_key' AND name NOT LIKE 'gap-%'";
        CHECK(static_cast<std::int64_t>(plan.kept.keys) ==
              store.number("SELECT count(DISTINCT name)" + of_keys));
        CHECK(static_cast<std::int64_t>(plan.kept.tombstones) ==
              store.number("SELECT count(*)" + of_keys + " AND deleted <> 0"));
        CHECK(static_cast<std::int64_t>(plan.kept.gaps) ==
              store.number("SELECT count(*) FROM kine WHERE name LIKE 'gap-%'"));
    }
    SUBCASE("a signal") {
        const Pair store;
        with_orphans(store);
        const std::int64_t rows = store.number("SELECT count(*) FROM kine");
        jobs::CompactRequest request = live_request(store.path, 1000, 40);
        list_rows(request, store.dir.file("list"), listed);
        Meanwhile signal([&](int step) {
            if (step == 4) request_interrupt(2);
        });
        std::string message;
        CHECK(kind_of(request, signal, message) == ErrorKind::interrupted);
        request_interrupt(0);
        agree(store, listed, rows);
    }
}

TEST_CASE("live: a --vacuum that fails says that the compaction is done") {
    const Pair store;
    const std::int64_t target = store.current() - 1000;
    sqlite::Database writer = sqlite::Database::open(store.path, sqlite::Database::Mode::write);
    At lock("vacuum", [&] { writer.exec("BEGIN IMMEDIATE"); });
    jobs::CompactRequest request = live_request(store.path, 1000, 600);
    request.vacuum = true;
    std::string message;
    CHECK(kind_of(request, lock, message) == ErrorKind::busy);
    CHECK(has(message, "compacted to revision " + std::to_string(target) + "; the file is not shrunk: "));
    writer.exec("ROLLBACK");
    writer.close();
    CHECK(store.wrong_at(target).empty());
}

TEST_CASE("live: --vacuum waits for a checkpoint that somebody else is at") {
    const Pair store;
    // As that one has it (wal.c: WAL_CKPT_LOCK). Closed last: that ends SQLite's own locks too.
    struct Shm {
        int descriptor = -1;
        std::thread ends;
        ~Shm() {
            if (ends.joinable()) ends.join();
            if (descriptor >= 0) ::close(descriptor);
        }
        [[nodiscard]] bool set(short type) const {
            struct flock lock {};
            lock.l_type = type;
            lock.l_whence = SEEK_SET;
            lock.l_start = 121;
            lock.l_len = 1;
            return ::fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
        }
    } shm;
    At checkpoint("vacuum", [&] {
        shm.descriptor = ::open((store.path + "-shm").c_str(), O_RDWR | O_CLOEXEC);
        REQUIRE(shm.set(F_WRLCK));
        shm.ends = std::thread([&] {
            std::this_thread::sleep_for(milliseconds(100));
            (void)shm.set(F_UNLCK);
        });
    });
    jobs::CompactRequest request = live_request(store.path, 1000, 600);
    request.live->timeout_ms = 30000;
    request.vacuum = true;
    const jobs::CompactResult done = jobs::compact(request, &checkpoint);
    CHECK(done.report.shrinks);
    CHECK(done.report.notes.warnings.empty());
    CHECK(done.report.file_after < done.report.file_before);
    CHECK(std::filesystem::file_size(store.path) < std::filesystem::file_size(store.before));
}

TEST_CASE("live: a row nobody knows of among those that go is left alone") {
    const Pair store;
    std::int64_t hole = 0;
    std::int64_t made = 0;
    Meanwhile hand([&](int step) {
        if (step != 1) return;
        for (const std::string& row : query(store.path,
                                            "SELECT id FROM kine WHERE id + 1 NOT IN (SELECT id FROM kine) "
                                            "AND id < (SELECT max(id) FROM kine)")) {
            hole = std::stoll(row) + 1;
            ++made;
            run(store.path,
                "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease) VALUES "
                "(" +
                    std::to_string(hole) + ", '/new/" + std::to_string(hole) + "', 1, 0, 0, 0, 0)");
        }
    });
    CHECK(jobs::compact(live_request(store.path, 1000, 100000), &hand).report.result == "compacted");
    REQUIRE(hole != 0);
    CHECK(store.number("SELECT count(*) FROM kine WHERE name LIKE '/new/%'") == made);
    run(store.path, "DELETE FROM kine WHERE name LIKE '/new/%'");
    CHECK(store.wrong_at(store.compacted()).empty());
}

TEST_CASE("live: a file that was put in its place, or a store that went back, ends the run") {
    SUBCASE("another file") {
        const Pair store;
        Meanwhile admin([&](int step) {
            if (step != 3) return;
            std::filesystem::rename(store.path, store.path + ".old");
            std::filesystem::copy_file(store.before, store.path);
        });
        std::string message;
        CHECK(kind_of(live_request(store.path, 1000, 60), admin, message) == ErrorKind::refused);
        CHECK(has(message, "another file has been put in its place"));
        CHECK(has(message, "revisions deleted; the same command goes on from there"));
        CHECK(admin.steps == 3);
    }
    SUBCASE("fewer revisions") {
        const Pair store;
        Meanwhile admin([&](int step) {
            if (step == 3) run(store.path, "DELETE FROM kine WHERE id > 1500");
        });
        std::string message;
        CHECK(kind_of(live_request(store.path, 1000, 60), admin, message) == ErrorKind::refused);
        CHECK(has(message, "it is not the store that it was"));
        CHECK(store.compacted() < 1500);
    }
}

TEST_CASE("live: a signal ends it between two transactions, and the same command goes on") {
    const Pair store;
    Meanwhile signal([&](int step) {
        if (step == 4) request_interrupt(2);
    });
    std::string message;
    const ErrorKind kind = kind_of(live_request(store.path, 1000, 60), signal, message);
    request_interrupt(0);
    CHECK(kind == ErrorKind::interrupted);
    const std::int64_t reached = store.compacted();
    CHECK(has(message, "compacted to revision " + std::to_string(reached) + " of " +
                           std::to_string(store.current() - 1000)));
    CHECK(has(message, "what stays was not compared with what it was before"));
    CHECK(signal.steps == 4);
    CHECK(store.wrong_at(reached).find("gone") == std::string::npos);
    Meanwhile nothing([](int) {});
    CHECK(jobs::compact(live_request(store.path, 1000, 500), &nothing).report.result == "compacted");
    CHECK(store.wrong_at(store.current() - 1000).empty());
}

TEST_CASE("live: when time is up it has compacted to where it came, and says so") {
    const Pair store;
    jobs::CompactRequest request = live_request(store.path, 1000, 60);
    request.live->max_time = milliseconds(100);
    request.live->pause = milliseconds(40);
    std::vector<std::int64_t> listed;
    list_rows(request, store.dir.file("list"), listed);
    request.vacuum = true;
    Meanwhile nothing([](int) {});
    const jobs::CompactResult done = jobs::compact(request, &nothing);
    CHECK(done.report.result == "partly");
    const std::int64_t reached = store.compacted();
    CHECK(done.plan->compacted_after == MainRevision(reached));
    CHECK(done.plan->target == MainRevision(store.current() - 1000));
    CHECK(reached < store.current() - 1000);
    CHECK(done.plan->removed.revisions > 0);
    CHECK(done.report.live->counts->unchanged >= 1000);
    CHECK(listed.size() == done.plan->removed.revisions);
    CHECK(has(done.report.notes.warnings.back(), "--vacuum was left out"));
    // Reading takes longer than this: one transaction all the same.
    request.live->max_time = milliseconds(0);
    Meanwhile steps([](int) {});
    CHECK(jobs::compact(request, &steps).report.result == "partly");
    CHECK(steps.steps == 1);
    CHECK(store.compacted() > reached);
    request.live->max_time.reset();
    request.list_file.reset();
    CHECK(jobs::compact(request, &nothing).report.result == "compacted");
    CHECK(store.wrong_at(store.current() - 1000).empty());
}
