#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

#include "kvctl/base/cores.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/sqlite/connection.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;

namespace {

// A signal that comes as the third batch is about to begin.
class Signal : public Progress {
  public:
    void update(std::string_view /*phase*/, std::uint64_t /*done*/, std::uint64_t /*total*/) override {
        if (++calls == 3) request_interrupt(15);
    }
    int calls = 0;
};

}  // namespace

TEST_CASE("interrupt: batches too small for SQLite to ask between its steps stop as well, and go on later") {
    const test::TempDir folder;
    test::make_native(folder.file("native"), test::long_history(60, 3).row_list());
    test::random_kine(4, 60, false).write(folder.file("kine"), {.wal = false});
    for (const char* name : {"native", "kine"}) {
        CAPTURE(name);
        const std::string path = folder.file(name);
        const std::string table = std::string(name) == "kine" ? "kine" : "revision";
        const auto rows = [&] { return std::stol(test::query_one(path, "SELECT count(*) FROM " + table)); };
        const long before = rows();
        {
            store::SqliteWritable writable = store::SqliteWritable::open(path, {});
            Findings findings;
            const mvcc::TreeIndex index = writable.store().load(
                table == "kine" ? mvcc::kine_rules() : mvcc::classic_rules(), findings, nullptr);
            const store::StoreHead head = writable.store().head();
            const mvcc::CompactionPlan plan =
                mvcc::plan_compaction(index, {head.current, head.compacted, head.scheduled}, head.current);
            REQUIRE(plan.removed.revisions > 10);
            Signal signal;
            store::Execution execution;
            execution.progress = &signal;
            try {
                store::execute_in_place(writable, index, plan, execution, 1);
                FAIL("not stopped");
            } catch (const Error& e) {
                CHECK(e.kind() == ErrorKind::interrupted);
            }
            request_interrupt(0);
            CHECK(signal.calls == 3);
        }
        const long stopped = rows();
        CHECK(stopped < before);
        CHECK(stopped >= before - 4);  // a kine batch goes on to the end of what one revision releases
        CHECK(test::query_one(path, "PRAGMA integrity_check") == "ok");
        const std::string current = test::query_one(
            path, table == "kine" ? "SELECT max(id) FROM kine" : "SELECT max(main) FROM revision");
        CHECK(test::run_cli({"compact", "--rev", current, path}).code == 0);
        CHECK(rows() < stopped);
    }
}

// SQLite's integrity check of a large file takes seconds, and asks nobody whether it is still wanted.
TEST_CASE(
    "connections: what fails on the first cuts short the statement that the second is in the middle of") {
    const test::TempDir folder;
    const std::string path = folder.file("native");
    test::make_native(path, test::long_history(5, 3).row_list());
    store::Connection connection = store::open_for_reading(store::inspect_file(path, path), 0);
    std::atomic<bool> runs{false};
    std::atomic<bool> ended{false};
    const auto work = [&](const sqlite::Database& db, std::size_t which,
                          const std::atomic<bool>& /*failed*/) {
        if (which == 0) {
            while (usable_cores() > 1 && !runs) std::this_thread::yield();
            throw Error(ErrorKind::io, "the rows cannot be read");
        }
        db.scan("i",
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000000) SELECT i "
                "FROM n)",
                {}, [&](const sqlite::Values&) { runs = true; });
        ended = true;
    };
    test::check_error(ErrorKind::io, "the rows cannot be read",
                      [&] { store::on_connections(connection, path, true, work); });
    CHECK_FALSE(ended);
}
