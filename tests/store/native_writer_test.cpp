#include "kvctl/store/native/native_writer.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "kvctl/store/open.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::store;

namespace {

mvcc::Record row(std::int64_t main, std::string_view value) {
    mvcc::Record r;
    r.revision = {main, 0};
    r.tombstone = main % 7 == 0;
    r.key = "key";
    r.create_revision = 2;
    r.version = main - 1;
    if (!r.tombstone) r.value = value;
    return r;
}

}  // namespace

TEST_CASE("native writer: any number of rows is there when it is finished, large ones among them") {
    const std::string large(std::size_t{3} << 20, 'x');
    for (const std::int64_t rows : {0, 1, 2, 63, 64, 65, 127, 128, 200}) {
        CAPTURE(rows);
        const test::TempDir dir;
        const std::string path = dir.file("new.db");
        NativeWriter writer(path, {});
        const auto value = [&](std::int64_t main) { return main % 50 == 3 ? std::string_view(large) : "v"; };
        for (std::int64_t i = 2; i < rows + 2; ++i) writer.add(row(i, value(i)));
        writer.finish();
        std::int64_t next = 2;
        open_store(path, {})->each_record(MainRevision(0),
                                          MainRevision(std::numeric_limits<std::int64_t>::max()),
                                          [&](const mvcc::Record& r) {
                                              const mvcc::Record expected = row(next, value(next));
                                              CHECK(r.revision == expected.revision);
                                              CHECK(r.tombstone == expected.tombstone);
                                              CHECK(r.version == expected.version);
                                              CHECK(r.value == expected.value);
                                              ++next;
                                          });
        CHECK(next == rows + 2);
    }
}

TEST_CASE("native writer: a revision that repeats is refused by the end at the latest") {
    const test::TempDir dir;
    NativeWriter writer(dir.file("new.db"), {});
    writer.add(row(2, "a"));
    writer.add(row(2, "b"));
    test::check_error(ErrorKind::damaged, "UNIQUE", [&] { writer.finish(); });
}
