#include <sqlite3.h>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/failure.hpp"

// SQLite's online backup.
namespace kvctl::sqlite {
namespace {

// 4 MiB of pages between two looks at signals.
constexpr int k_pages_a_step = 1024;

class Backup {
  public:
    Backup(sqlite3* target, sqlite3* source) : handle_(sqlite3_backup_init(target, "main", source, "main")) {}
    Backup(const Backup&) = delete;
    Backup& operator=(const Backup&) = delete;
    ~Backup() { sqlite3_backup_finish(handle_); }

    [[nodiscard]] bool failed() const noexcept { return handle_ == nullptr; }
    [[nodiscard]] int step() const noexcept { return sqlite3_backup_step(handle_, k_pages_a_step); }
    [[nodiscard]] std::uint64_t pages() const noexcept {
        return static_cast<std::uint64_t>(sqlite3_backup_pagecount(handle_));
    }
    [[nodiscard]] std::uint64_t done() const noexcept {
        return pages() - static_cast<std::uint64_t>(sqlite3_backup_remaining(handle_));
    }

  private:
    sqlite3_backup* handle_;
};

// Whether a step failed that reads. It is the target whose disk is written, and nobody else has it open.
bool is_of_source(int rc) noexcept {
    switch (rc & 0xFF) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return true;
        default:
            return rc == SQLITE_IOERR_READ || rc == SQLITE_IOERR_SHORT_READ;
    }
}

}  // namespace

void Database::copy_to(Database& target,
                       const std::function<void(std::uint64_t pages, std::uint64_t of)>& progress) const {
    const Backup backup(target.handle_, handle_);
    if (backup.failed()) fail(target.handle_, target.path(), sqlite3_errcode(target.handle_), nullptr);
    for (;;) {
        check_interrupt();
        const int rc = backup.step();
        if (progress) progress(backup.done(), backup.pages());
        if (rc == SQLITE_DONE) return;
        // Neither connection knows of it before the end of the backup.
        if (rc != SQLITE_OK) fail(nullptr, is_of_source(rc) ? path() : target.path(), rc, nullptr);
    }
}

}  // namespace kvctl::sqlite
