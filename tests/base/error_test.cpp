#include "kvctl/base/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

#include "kvctl/base/interrupt.hpp"

using namespace kvctl;

TEST_CASE("error: every kind has the contract's word and exit code") {
    struct Row {
        ErrorKind kind;
        std::string word;
        int code;
    };
    for (const Row& row :
         {Row{ErrorKind::internal, "internal", 1}, Row{ErrorKind::usage, "usage", 2},
          Row{ErrorKind::findings, "findings", 3}, Row{ErrorKind::future_revision, "future-revision", 4},
          Row{ErrorKind::compacted, "compacted", 4}, Row{ErrorKind::in_use, "in-use", 4},
          Row{ErrorKind::no_space, "no-space", 4}, Row{ErrorKind::read_only_layout, "read-only-layout", 4},
          Row{ErrorKind::refused, "refused", 4}, Row{ErrorKind::busy, "busy", 5},
          Row{ErrorKind::not_a_store, "not-a-store", 6}, Row{ErrorKind::damaged, "damaged", 6},
          Row{ErrorKind::io, "io", 7}, Row{ErrorKind::interrupted, "interrupted", 130}}) {
        CAPTURE(row.word);
        CHECK(kind_name(row.kind) == row.word);
        CHECK(exit_code(row.kind) == row.code);
    }
}

TEST_CASE("io_error: names the file, the act and the system's reason") {
    const Error e = io_error("state.db", "open", ENOENT);
    CHECK(e.kind() == ErrorKind::io);
    CHECK(std::string(e.what()) == "state.db: open: No such file or directory");
}

TEST_CASE("interrupt: a signal asked for makes the next check throw") {
    CHECK(interrupt_signal() == 0);
    CHECK_NOTHROW(check_interrupt());
    request_interrupt(15);
    CHECK(interrupt_signal() == 15);
    try {
        check_interrupt();
        FAIL("did not throw");
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::interrupted);
    }
    request_interrupt(0);
    CHECK_NOTHROW(check_interrupt());
}
