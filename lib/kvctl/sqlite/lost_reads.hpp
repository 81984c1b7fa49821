#pragma once

namespace kvctl::sqlite {

/// SQLite reports as malformed what the disk cannot read. From the first call on the reads of its own VFS are
/// watched. Any thread may call it, any number of times.
void watch_reads();

/// The errno of the last read of this thread that failed since the last call; 0: none did.
[[nodiscard]] int take_lost_read() noexcept;
/// Takes back what a read left there that nobody needed, or puts what take_lost_read() gave back.
void set_lost_read(int error) noexcept;

}  // namespace kvctl::sqlite
