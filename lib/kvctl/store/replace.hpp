#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// By what the processes that use a layout's file keep each other off it.
enum class FileLock {
    sqlite_bytes,  ///< POSIX locks on SQLite's lock bytes
    flock,         ///< one flock of the file, as bbolt takes it
};

/// What a replacement has to know of a layout's file.
struct FileRules {
    struct Stretch {
        std::uint64_t at = 0;
        std::size_t size = 0;
    };
    FileLock lock = FileLock::sqlite_bytes;
    /// What every opener reads first and every writer changes (SQLite's header; from the first meta of bbolt
    /// to the end of the second). The same bytes mean that nobody committed; once they are overwritten, in
    /// one write, nobody opens the file any more.
    Stretch header;
    /// Suffixes of the files that stand beside one by its name ("-wal"); they mean nothing to another file.
    std::vector<std::string> side_files;
};

/// The file that is to be replaced. The caller holds the layout's lock on it, alone, from before this is
/// handed over until the Replacement is committed, and `descriptor` open at least as long: closing any
/// descriptor of a file drops every POSIX lock of the process on it.
struct OldFile {
    std::string path;       ///< as the user gave it, for messages
    std::string real_path;  ///< the name that gets the new file
    int descriptor = -1;    ///< open for reading and writing
};

/// A new file that takes the place of one which somebody may open meanwhile (kvctl-compact(1), PROMISES).
/// Whoever opened the old file has to wait for its lock; commit() gives way to all whom the system shows, and
/// leaves the others a file that cannot be opened, instead of one that nobody will find again:
///
///     Replacement r(old, rules);   // from now on the old file is read
///     ... write r.file() ...
///     r.commit();
///     ... close the old file ...   // its lock goes
///     }                            // and last the lock on the new one
class Replacement {
  public:
    /// Notes what the old file is like: from here on it must not change. Makes the new file beside it.
    Replacement(OldFile old, FileRules rules);

    /// The new file. No other descriptor of it may be closed by this process during commit() or later.
    [[nodiscard]] TempFile& file() noexcept { return file_; }

    /// Gives the new file the old one's owner and mode, syncs it, and puts it in the old one's place. Throws
    /// in_use, with nothing replaced, when the old file changed since, or another process has it open, holds
    /// a lock on it or waits for one; interrupted, and io. When it throws, published() tells whether the name
    /// leads to the new file already; the old one is only made unopenable behind a folder sync that worked,
    /// and only when it has no other name.
    void commit();
    [[nodiscard]] bool published() const noexcept { return file_.published(); }

  private:
    /// What a file looks like to whoever wants to know whether it was written.
    struct Look {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t size = 0;
        std::int64_t modified_ns = 0;
        std::string header;
        friend bool operator==(const Look&, const Look&) = default;
    };
    [[nodiscard]] Look look() const;
    void give_way_to_change() const;
    void give_way_to_openers() const;
    void lock_new_file() const;
    void remove_side_files() const;
    void spoil_old_file() const;

    OldFile old_;
    FileRules rules_;
    Look before_;
    TempFile file_;
};

}  // namespace kvctl::store
