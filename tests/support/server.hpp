#pragma once
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "kvctl/sqlite/database.hpp"

namespace kvctl::test {

/// Another process that has a store open, as a server has; stop() lets it close the store.
class Server {
  public:
    explicit Server(const std::string& path, const std::string& sql = "SELECT count(*) FROM sqlite_schema")
        : Server([&](const std::function<void()>& until_stopped) {
              kvctl::sqlite::Database db =
                  kvctl::sqlite::Database::open(path, kvctl::sqlite::Database::Mode::write);
              db.exec(sql);
              until_stopped();
              if (db.in_transaction()) db.exec("ROLLBACK");
              db.close();
          }) {}
    /// `serve` calls what it is given once it has the store.
    explicit Server(const std::function<void(const std::function<void()>&)>& serve) {
        int ready[2];
        int quit[2];
        REQUIRE(::pipe(ready) == 0);
        REQUIRE(::pipe(quit) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(quit[1]);
            try {
                serve([&] {
                    char byte = 'x';
                    (void)!::write(ready[1], &byte, 1);
                    (void)!::read(quit[0], &byte, 1);
                });
            } catch (...) {
                ::_exit(1);
            }
            ::_exit(0);
        }
        ::close(ready[1]);
        ::close(quit[0]);
        quit_ = quit[1];
        char byte = 0;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        ::close(ready[0]);
    }
    ~Server() { stop(); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    void stop() {
        if (pid_ < 0) return;
        ::close(quit_);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    [[nodiscard]] int pid() const noexcept { return pid_; }

  private:
    pid_t pid_ = -1;
    int quit_ = -1;
};

}  // namespace kvctl::test
