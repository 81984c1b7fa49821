#include "tests/crash/visitor.hpp"

#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <new>
#include <stdexcept>

#include "tests/crash/allocator.hpp"

namespace kvctl::crash {
namespace {

std::string insert(Visitor::Layout layout, int number) {
    const std::string key = "/late/" + std::to_string(number);
    if (layout == Visitor::Layout::kine) {
        return "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)"
               " VALUES ('" +
               key + "', 1, 0, 0, 0, 0, zeroblob(1500))";
    }
    return "INSERT INTO revision SELECT max(main) + 1, 0, 0, CAST('" + key +
           "' AS BLOB), max(main) + 1, 1, 0, zeroblob(1500) FROM revision";
}

// The process itself.
class Guest {
  public:
    Guest(std::string path, Visitor::Layout layout, bool reads, Visitor::Notes& notes)
        : path_(std::move(path)), layout_(layout), reads_(reads), notes_(notes) {}

    void open() {
        notes_.open = true;
        if (sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK) return leave();
        if (reads_) judge(sqlite3_exec(db_, "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr));
    }

    void write() {
        if (db_ == nullptr) open();
        if (db_ == nullptr) return;
        const std::string sql = insert(layout_, notes_.acknowledged);
        const int rc = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
        if (rc == SQLITE_OK) ++notes_.acknowledged;
        judge(rc);
    }

  private:
    void judge(int rc) {
        if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED) leave();
    }
    void leave() {
        ++notes_.refused;
        notes_.open = false;
        sqlite3_close(db_);
        db_ = nullptr;
    }

    std::string path_;
    Visitor::Layout layout_;
    bool reads_;
    Visitor::Notes& notes_;
    sqlite3* db_ = nullptr;
};

}  // namespace

Visitor::Visitor(const std::string& store, Layout layout, bool reads) {
    void* const shared =
        ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == reinterpret_cast<void*>(-1)) throw std::runtime_error("no shared memory");
    notes_ = new (shared) Notes;
    std::array<int, 2> orders{};
    std::array<int, 2> answers{};
    if (::pipe(orders.data()) != 0 || ::pipe(answers.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no process");
    in_ = orders[1];
    out_ = answers[0];
    if (pid_ != 0) {
        ::close(orders[0]);
        ::close(answers[1]);
        return;
    }
    ::close(orders[1]);
    ::close(answers[0]);
    Guest guest(store, layout, reads, *notes_);
    char what = 0;
    while (::read(orders[0], &what, 1) == 1) {
        if (what == 'o') guest.open();
        if (what == 'w') guest.write();
        if (::write(answers[1], &what, 1) != 1) break;
    }
    ::_exit(0);
}

Visitor::~Visitor() {
    kill();
    ::close(in_);
    ::close(out_);
    ::munmap(notes_, sizeof(Notes));
}

void Visitor::order(char what) {
    const Calm calm;
    if (notes_->killed) return;
    if (::write(in_, &what, 1) != 1 || ::read(out_, &what, 1) != 1)
        throw std::runtime_error("the visitor does not answer");
}

void Visitor::open() {
    order('o');
}

void Visitor::write() {
    order('w');
}

void Visitor::kill() {
    if (notes_->killed) return;
    notes_->killed = true;
    ::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);  // by the process that began it; else its end is seen all the same
}

}  // namespace kvctl::crash
