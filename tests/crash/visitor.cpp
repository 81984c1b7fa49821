#include "tests/crash/visitor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "kvctl/bbolt/format.hpp"
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
    virtual ~Guest() = default;
    virtual void open() = 0;
    virtual void write() = 0;
};

class SqliteGuest final : public Guest {
  public:
    SqliteGuest(std::string path, Visitor::Layout layout, bool reads, Visitor::Notes& notes)
        : path_(std::move(path)), layout_(layout), reads_(reads), notes_(notes) {}

    void open() override {
        notes_.open = true;
        if (sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK) return leave();
        if (reads_) judge(sqlite3_exec(db_, "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr));
    }

    void write() override {
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

// As bbolt does it: opens the file, waits for the lock, and looks at the metas when it has it.
class BboltGuest final : public Guest {
  public:
    BboltGuest(std::string path, bool reads, Visitor::Notes& notes)
        : path_(std::move(path)), reads_(reads), notes_(notes) {}
    ~BboltGuest() override { close(); }
    BboltGuest(const BboltGuest&) = delete;
    BboltGuest& operator=(const BboltGuest&) = delete;

    void open() override {
        notes_.open = true;
        fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        if (fd_ < 0) return leave();
        if (reads_) (void)enter();
    }

    void write() override {
        if (fd_ < 0) open();
        if (fd_ < 0 || !enter()) return;
        ++newest_->txid;
        ++newest_->sequence;
        const std::uint64_t at = newest_->txid % 2 * newest_->page_size + bbolt::k_page_header;
        const std::string meta = encoded();
        if (::pwrite(fd_, meta.data(), meta.size(), static_cast<off_t>(at)) !=
            static_cast<ssize_t>(meta.size()))
            return leave();
        notes_.acknowledged = static_cast<int>(newest_->sequence);
    }

  private:
    // Whether it has the lock, and what it locked is a db.
    bool enter() {
        if (newest_) return true;
        if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) return false;
        for (const off_t at : {off_t{0}, off_t{k_page}}) {
            std::string page(k_page, '\0');
            std::string_view fault;
            if (::pread(fd_, page.data(), page.size(), at) != static_cast<ssize_t>(page.size())) continue;
            const auto meta = bbolt::decode_meta(page, fault);
            if (meta && (!newest_ || meta->txid > newest_->txid)) newest_ = meta;
        }
        if (!newest_) leave();
        return newest_.has_value();
    }
    [[nodiscard]] std::string encoded() const {
        std::string bytes;
        const auto put = [&](std::uint64_t v, int n) {
            for (int i = 0; i < n; ++i) bytes += static_cast<char>(v >> (8 * i) & 0xFF);
        };
        put(bbolt::k_magic, 4);
        put(bbolt::k_version, 4);
        put(newest_->page_size, 4);
        put(0, 4);
        for (const std::uint64_t v : {newest_->root.value(), newest_->sequence, newest_->freelist.value(),
                                      newest_->high_water.value(), newest_->txid})
            put(v, 8);
        put(bbolt::fnv1a(bytes), 8);
        return bytes;
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
        newest_.reset();
    }
    void leave() {
        ++notes_.refused;
        notes_.open = false;
        close();
    }

    static constexpr std::size_t k_page = 4096;  // of every db here
    std::string path_;
    bool reads_;
    Visitor::Notes& notes_;
    int fd_ = -1;
    std::optional<bbolt::Meta> newest_;  // once it has the lock
};

std::unique_ptr<Guest> guest_of(const std::string& store, Visitor::Layout layout, bool reads,
                                Visitor::Notes& notes) {
    if (layout == Visitor::Layout::bbolt) return std::make_unique<BboltGuest>(store, reads, notes);
    return std::make_unique<SqliteGuest>(store, layout, reads, notes);
}

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
    const std::unique_ptr<Guest> guest = guest_of(store, layout, reads, *notes_);
    char what = 0;
    while (::read(orders[0], &what, 1) == 1) {
        if (what == 'o') guest->open();
        if (what == 'w') guest->write();
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
