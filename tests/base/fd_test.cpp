#include "kvctl/base/fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>
#include <string>

#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

TEST_CASE("write_all: everything stands where it was asked to, or the errno says why not") {
    const TempDir folder;
    write_file(folder.file("f"), "0123456789");
    const Fd file(::open(folder.file("f").c_str(), O_RDWR));
    CHECK(write_all(file.get(), "abc", 4) == 0);
    CHECK(write_all(file.get(), "", 99) == 0);
    CHECK(write_all(file.get(), "z", 11) == 0);
    CHECK(read_file(folder.file("f")) == std::string("0123abc789\0z", 12));
    const Fd read_only(::open(folder.file("f").c_str(), O_RDONLY));
    CHECK(write_all(read_only.get(), "abc", 0) == EBADF);
    const Fd full(::open("/dev/full", O_WRONLY));
    CHECK(write_all(full.get(), "abc", 0) == ENOSPC);
}
