#include "tools/terminal.hpp"
#include "tools/bold.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace kvctl::cli;
using namespace std::chrono_literals;

TEST_CASE("progress: nothing is drawn before its time") {
    std::ostringstream err;
    {
        TerminalProgress progress(err, TerminalProgress::Style::redrawn, 1h);
        progress.update("reading", 1, 2);
    }
    CHECK(err.str().empty());
}

TEST_CASE("progress: one line, redrawn, and gone at the end") {
    std::ostringstream err;
    {
        TerminalProgress progress(err, TerminalProgress::Style::redrawn, 0ms);
        progress.update("reading", 1, 2);
        CHECK(err.str() == "\r\x1b[Kreading  50 %");
        progress.update("reading", 2, 2);  // too soon after the last
    }
    CHECK(err.str() == "\r\x1b[Kreading  50 %\r\x1b[K");
}

TEST_CASE("progress: whole lines where there is no terminal") {
    std::ostringstream err;
    {
        TerminalProgress progress(err, TerminalProgress::Style::lines, 0ms);
        progress.update("copying", 1234567, 0);
        progress.update("copying", 1234568, 0);
    }
    CHECK(err.str() == "copying  1,234,567\n");
}

TEST_CASE("progress: more done than there was is 100 per cent") {
    CHECK(progress_text("reading", 12, 10) == "reading  100 %");
    CHECK(progress_text("reading", 0, 10) == "reading  0 %");
}

TEST_CASE("terminal: only the first line is bold, and only where colour is wanted") {
    std::ostringstream colored;
    kvctl::cli::BoldFirstLine(colored, true).stream() << "one " << 1 << "\ntwo\nthree\n";
    CHECK(colored.str() == "\x1b[1mone 1\x1b[0m\ntwo\nthree\n");
    std::ostringstream plain;
    kvctl::cli::BoldFirstLine(plain, false).stream() << "one\ntwo\n";
    CHECK(plain.str() == "one\ntwo\n");
}
