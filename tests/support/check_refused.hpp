#pragma once
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::test {

/// The command, run on s.db in `folder`, ends with 6 and says `message`; not a byte of the store is another,
/// and nothing lies beside it that did not before.
inline void check_refused(const TempDir& folder, std::vector<std::string> args,
                          const std::string& message = "") {
    const std::string db = folder.file("s.db");
    const std::string bytes = read_file(db);
    const std::vector<std::string> names = folder.names();
    args.push_back(db);
    const Result r = run_cli(args);
    std::string shown;
    for (const std::string& a : args) shown += a + " ";
    CHECK_MESSAGE(r.code == 6, shown << r.out << r.err);
    CHECK_MESSAGE(has(r.err, message), shown << r.err);
    CHECK_MESSAGE(read_file(db) == bytes, shown);
    CHECK_MESSAGE(folder.names() == names, shown);
}

}  // namespace kvctl::test
