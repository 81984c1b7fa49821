#include "kvctl/sqlite/runs_vfs.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>

#include "tests/support/temp_dir.hpp"

using namespace kvctl;

namespace {

// A database file opened through the VFS alone, without SQLite's pager.
class RawFile {
  public:
    RawFile(const std::string& path, int flags)
        : name_(path + std::string(2, '\0')),
          memory_(std::make_unique<char[]>(static_cast<std::size_t>(vfs()->szOsFile))) {  // NOLINT
        const int rc = vfs()->xOpen(vfs(), name_.c_str(), file(), flags | SQLITE_OPEN_MAIN_DB, nullptr);
        REQUIRE(rc == SQLITE_OK);
    }
    RawFile(const RawFile&) = delete;
    RawFile& operator=(const RawFile&) = delete;
    ~RawFile() { (void)close(); }

    int write(const std::string& bytes, std::size_t at) {
        return file()->pMethods->xWrite(file(), bytes.data(), static_cast<int>(bytes.size()),
                                        static_cast<sqlite3_int64>(at));
    }
    std::string read(std::size_t size, std::size_t at) {
        std::string out(size, '?');
        const int rc = file()->pMethods->xRead(file(), out.data(), static_cast<int>(size),
                                               static_cast<sqlite3_int64>(at));
        CHECK((rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ));
        return out;
    }
    int truncate(std::size_t size) {
        return file()->pMethods->xTruncate(file(), static_cast<sqlite3_int64>(size));
    }
    std::size_t size() {
        sqlite3_int64 n = 0;
        CHECK(file()->pMethods->xFileSize(file(), &n) == SQLITE_OK);
        return static_cast<std::size_t>(n);
    }
    int sync() { return file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL); }
    int close() {
        if (file()->pMethods == nullptr) return SQLITE_OK;
        const int rc = file()->pMethods->xClose(file());
        file()->pMethods = nullptr;
        return rc;
    }

  private:
    static sqlite3_vfs* vfs() { return sqlite3_vfs_find(sqlite::runs_vfs()); }
    sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.get()); }
    std::string name_;                // ends with the two zeros that stand for "no parameters"
    std::unique_ptr<char[]> memory_;  // NOLINT
};

constexpr int k_existing = SQLITE_OPEN_READWRITE;
constexpr int k_new = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

}  // namespace

TEST_CASE("runs: written, read, cut off and extended in any order, a file holds what a plain one would") {
    for (const int flags : {k_new, k_existing}) {
        for (const std::size_t page : {512U, 4096U, 65536U}) {
            CAPTURE(flags);
            CAPTURE(page);
            const test::TempDir folder;
            const std::string path = folder.file("f");
            test::write_file(path, "");
            RawFile file(path, flags);
            std::string model;
            std::mt19937 random(static_cast<unsigned>(page) + static_cast<unsigned>(flags));
            const auto below = [&](std::size_t n) { return random() % n; };
            std::size_t at = 0;
            for (int i = 0; i < 2000; ++i) {
                // Mostly one page behind the other, as SQLite writes and scans.
                at = below(4) == 0 ? below(80) * page : at + page;
                if (at > 100 * page) at = 0;
                const std::size_t kind = below(20);
                if (kind < 9) {
                    const std::string bytes(page, static_cast<char>('a' + below(26)));
                    if (model.size() < at + page) model.resize(at + page, '\0');
                    model.replace(at, page, bytes);
                    REQUIRE(file.write(bytes, at) == SQLITE_OK);
                } else if (kind < 18) {
                    std::string expected = at < model.size() ? model.substr(at, page) : std::string();
                    expected.resize(page, '\0');
                    REQUIRE(file.read(page, at) == expected);
                } else if (kind == 18 && below(8) == 0) {
                    REQUIRE(file.size() == model.size());
                    REQUIRE(file.sync() == SQLITE_OK);
                    REQUIRE(test::read_file(path) == model);
                } else if (below(10) == 0) {
                    model.resize(model.size() / page / 2 * page);
                    REQUIRE(file.truncate(model.size()) == SQLITE_OK);
                }
            }
            CHECK(file.close() == SQLITE_OK);
            CHECK(test::read_file(path) == model);
        }
    }
}

TEST_CASE("runs: a failing write to a new file is told by the sync or the close, and by all behind it") {
    const std::string page(4096, 'x');
    RawFile full("/dev/full", k_new);
    CHECK(full.write(page, 0) == SQLITE_OK);
    CHECK(full.sync() == SQLITE_FULL);
    CHECK(full.write(page, 4096) == SQLITE_FULL);
    CHECK(full.sync() == SQLITE_FULL);
    CHECK(full.close() == SQLITE_FULL);
    RawFile closed("/dev/full", k_new);
    CHECK(closed.write(page, 0) == SQLITE_OK);
    CHECK(closed.close() == SQLITE_FULL);
    RawFile there("/dev/full", k_existing);
    CHECK(there.write(page, 0) == SQLITE_FULL);
}
