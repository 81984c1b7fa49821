#pragma once
#include <sqlite3.h>

#include <array>
#include <memory>

namespace kvctl::sqlite {

/// Answers reads that follow each other from one larger read: SQLite asks for a page at a time, and of a scan
/// of small pages a system call each is a third. One a file; what it holds is right for as long as nobody
/// writes the file.
class ReadRuns {
  public:
    /// As sqlite3_io_methods::xRead of `real`.
    int read(sqlite3_file* real, void* out, int amount, sqlite3_int64 offset);
    void forget() noexcept { size_ = 0; }

  private:
    std::unique_ptr<unsigned char[]> bytes_;  // NOLINT: allocated without being cleared
    sqlite3_int64 begin_ = 0;
    int size_ = 0;
    // Where the last two reads ended: a scan of a table's leaves is interrupted by its inner pages.
    std::array<sqlite3_int64, 2> ends_{-1, -1};
};

/// Registers, once, a VFS on top of the default one, which reads databases through ReadRuns and gathers what
/// is written to a database opened with SQLITE_OPEN_CREATE into larger writes. Journals, temporary files and
/// writes to other databases pass through. Returns its name.
///
/// A write that fails may be told by a later call, but never later than the end of its transaction; all later
/// reads, writes, syncs and questions for the size fail too.
const char* runs_vfs();

}  // namespace kvctl::sqlite
