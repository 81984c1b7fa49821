#include "kvctl/sqlite/database.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/detached_vfs.hpp"
#include "kvctl/sqlite/lost_reads.hpp"
#include "kvctl/sqlite/runs_vfs.hpp"

namespace kvctl::sqlite {
namespace {

Type type_of(int type) noexcept {
    switch (type) {
        case SQLITE_INTEGER:
            return Type::integer;
        case SQLITE_FLOAT:
            return Type::real;
        case SQLITE_TEXT:
            return Type::text;
        case SQLITE_BLOB:
            return Type::blob;
        default:
            return Type::null;
    }
}

ErrorKind kind_of(int extended) noexcept {
    switch (extended & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return ErrorKind::busy;
        case SQLITE_CORRUPT:
        // Rows that the file's own constraints do not allow, or longer than any row of a store.
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
            return ErrorKind::damaged;
        // The statements are ours; what they name is the file's: a function, collation, module or view of its
        // schema that does not run here.
        case SQLITE_ERROR:
        case SQLITE_AUTH:
            return ErrorKind::refused;
        case SQLITE_NOTADB:
            return ErrorKind::not_a_store;
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
            return ErrorKind::io;
        case SQLITE_INTERRUPT:
            return ErrorKind::interrupted;
        default:
            return ErrorKind::internal;
    }
}

[[noreturn]] void fail(sqlite3* db, const std::string& path, int rc, const char* sql) {
    const int extended = db != nullptr ? sqlite3_extended_errcode(db) : rc;
    if ((extended & 0xFF) == SQLITE_INTERRUPT) check_interrupt();
    if ((extended & 0xFF) == SQLITE_CORRUPT) {
        if (const int error = take_lost_read(); error != 0) throw io_error(path, "cannot be read", error);
    }
    const char* const said = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    // The parser also says so where it had no memory for what it had read. No text prepared here is
    // incomplete: a schema's have been parsed once when the store was opened.
    if (extended == SQLITE_ERROR && std::string_view(said) == "incomplete input") throw std::bad_alloc();
    std::string message = path + ": " + said;
    message += " (SQLite " + std::to_string(extended) + ")";
    if ((extended & 0xFF) == SQLITE_BUSY) message += "; a server may still have the file open";
    if (extended == SQLITE_READONLY_ROLLBACK) {
        throw Error(ErrorKind::refused,
                    path +
                        ": a transaction was cut short and its -journal lies beside the file; reading "
                        "would show half of it. A run that writes ('kvctl compact', "
                        "or the server's next start) rolls it back");
    }
    if (sql != nullptr && kind_of(extended) == ErrorKind::internal) message += std::string("; in: ") + sql;
    throw Error(kind_of(extended), message);
}

// Lets through what a CREATE TABLE or CREATE INDEX needs, and nothing that another statement would.
int allow_schema(void* /*unused*/, int action, const char* /*unused*/, const char* /*unused*/,
                 const char* /*unused*/, const char* /*unused*/) {
    switch (action) {
        case SQLITE_CREATE_TABLE:
        case SQLITE_CREATE_INDEX:
        case SQLITE_REINDEX:
        case SQLITE_INSERT:  // into sqlite_schema
        case SQLITE_UPDATE:
        case SQLITE_READ:
        case SQLITE_SELECT:
        case SQLITE_FUNCTION:  // in an expression; the schema's are not trusted
            return SQLITE_OK;
        default:
            return SQLITE_DENY;
    }
}

int stop_when_interrupted(void* /*unused*/) {
    return interrupt_signal() != 0 ? 1 : 0;
}

// What the program's own statements and any store's rows stay below.
constexpr std::array<std::pair<int, int>, 8> k_limits{{
    {SQLITE_LIMIT_LENGTH, 256 << 20},  // a row; the longest line of a history file as well
    {SQLITE_LIMIT_SQL_LENGTH, 1000000},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 10},
    {SQLITE_LIMIT_FUNCTION_ARG, 16},
    {SQLITE_LIMIT_ATTACHED, 2},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
}};

struct ScanState {
    const std::function<void(const Values&)>* f;
    std::exception_ptr error;
};

void scan_step(sqlite3_context* context, int count, sqlite3_value** values) {
    auto* const state = static_cast<ScanState*>(sqlite3_user_data(context));
    if (state->error) return;
    try {
        (*state->f)(Values(values, static_cast<std::size_t>(count)));
    } catch (...) {
        state->error = std::current_exception();
        sqlite3_result_error(context, "the reader of the scan gave up", -1);
    }
}

void scan_final(sqlite3_context* context) {
    sqlite3_result_null(context);
}

struct Predicate {
    std::function<bool(std::int64_t, std::int64_t)> f;
    std::exception_ptr* error;
};

void call_predicate(sqlite3_context* context, int count, sqlite3_value** values) {
    const auto* const p = static_cast<const Predicate*>(sqlite3_user_data(context));
    try {
        const std::int64_t second = count > 1 ? sqlite3_value_int64(values[1]) : 0;
        sqlite3_result_int(context, p->f(sqlite3_value_int64(values[0]), second) ? 1 : 0);
    } catch (...) {
        *p->error = std::current_exception();
        sqlite3_result_error(context, "a row is not the one the plan expects", -1);
    }
}

}  // namespace

Type Value::type() const noexcept {
    return type_of(sqlite3_value_type(value_));
}
std::int64_t Value::integer() const noexcept {
    return sqlite3_value_int64(value_);
}

std::string_view Value::bytes() const noexcept {
    // The text accessor, unless it is a blob: a name that SQLite stored as a number reads as its digits.
    const void* const p = sqlite3_value_type(value_) == SQLITE_BLOB
                              ? sqlite3_value_blob(value_)
                              : static_cast<const void*>(sqlite3_value_text(value_));
    const auto n = static_cast<std::size_t>(sqlite3_value_bytes(value_));
    return p == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(p), n);
}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), handle_(std::exchange(other.handle_, nullptr)), path_(other.path_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(handle_, other.handle_);
    std::swap(path_, other.path_);
    return *this;
}

Statement::~Statement() {
    sqlite3_finalize(handle_);
}

void Statement::check(int rc) const {
    if (rc != SQLITE_OK) fail(db_, *path_, rc, sqlite3_sql(handle_));
}

Statement& Statement::bind(int parameter, std::int64_t value) {
    check(sqlite3_bind_int64(handle_, parameter, value));
    return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
    const char* const p = bytes.data() == nullptr ? "" : bytes.data();  // a null pointer would bind NULL
    check(sqlite3_bind_blob64(handle_, parameter, p, bytes.size(), SQLITE_TRANSIENT));
    return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view text) {
    const char* const p = text.data() == nullptr ? "" : text.data();
    check(sqlite3_bind_text64(handle_, parameter, p, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_null(int parameter) {
    check(sqlite3_bind_null(handle_, parameter));
    return *this;
}

bool Statement::step() {
    const int rc = sqlite3_step(handle_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    fail(db_, *path_, rc, sqlite3_sql(handle_));
}

void Statement::run() {
    while (step()) {
    }
    reset();
}

void Statement::reset() noexcept {
    sqlite3_reset(handle_);
}
int Statement::column_count() const noexcept {
    return sqlite3_column_count(handle_);
}

std::string Statement::column_name(int column) const {
    const char* const name = sqlite3_column_name(handle_, column);
    return name == nullptr ? "" : name;
}

Type Statement::type(int column) const noexcept {
    return type_of(sqlite3_column_type(handle_, column));
}
std::int64_t Statement::integer(int column) const noexcept {
    return sqlite3_column_int64(handle_, column);
}

std::string_view Statement::bytes(int column) const noexcept {
    const void* const p = sqlite3_column_type(handle_, column) == SQLITE_BLOB
                              ? sqlite3_column_blob(handle_, column)
                              : static_cast<const void*>(sqlite3_column_text(handle_, column));
    const auto n = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
    return p == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(p), n);
}

struct Database::Functions {
    std::vector<std::unique_ptr<Predicate>> predicates;
    std::exception_ptr error;
};

Database::Database(const std::string& path)
    : path_(std::make_unique<std::string>(path)), functions_(std::make_unique<Functions>()) {}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      path_(std::move(other.path_)),
      functions_(std::move(other.functions_)) {}

Database& Database::operator=(Database&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(path_, other.path_);
    std::swap(functions_, other.functions_);
    return *this;
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

Database Database::open(const std::string& path, Mode mode) {
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    switch (mode) {
        case Mode::read:
        case Mode::detached:
            flags |= SQLITE_OPEN_READONLY;
            break;
        case Mode::write:
            flags |= SQLITE_OPEN_READWRITE;
            break;
        // URI: whoever makes a file may attach another one with settings of its own.
        case Mode::create:
            flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
            break;
    }
    // SQLite falls back to reading where writing is not allowed, and reports a directory as "unable to open":
    // ask first.
    struct stat st {};
    if (mode != Mode::create && ::stat(path.c_str(), &st) != 0) throw io_error(path, "cannot open", errno);
    if (sqlite3_initialize() != SQLITE_OK) throw std::bad_alloc();
    watch_reads();
    set_lost_read(0);
    Database db(path);  // before there is a handle to lose
    const int rc = sqlite3_open_v2(path.c_str(), &db.handle_, flags,
                                   mode == Mode::detached ? detached_vfs() : runs_vfs());
    sqlite3* const handle = db.handle_;
    if (rc != SQLITE_OK) fail(handle, path, rc, nullptr);
    if ((mode == Mode::write || mode == Mode::create) && sqlite3_db_readonly(handle, "main") == 1) {
        throw Error(ErrorKind::io, path + ": cannot be written: permission denied or a read-only medium");
    }
    // Nothing a file's schema says may run: no triggers, views, checks, virtual tables or functions of its
    // own, no writes to the schema by name. (A file being made needs no journal and takes over schema text
    // that never runs, both of which DEFENSIVE forbids.)
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, mode == Mode::create ? 0 : 1, nullptr);
    if (mode == Mode::create) detached_vfs();
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    std::array<const char*, 2> modules{"dbstat", nullptr};  // all others go: full text, R-trees
    sqlite3_drop_modules(handle, modules.data());
    for (const auto& [limit, value] : k_limits) sqlite3_limit(handle, limit, value);
    sqlite3_progress_handler(handle, 10000, stop_when_interrupted, nullptr);
    db.exec("PRAGMA cell_size_check=ON");
    // What is read or copied is taken as it is; a row that is changed must still please its table.
    if (mode != Mode::write) db.exec("PRAGMA ignore_check_constraints=ON");
    if (mode == Mode::detached) db.exec("PRAGMA locking_mode=EXCLUSIVE");
    return db;
}

void Database::close() {
    const int rc = sqlite3_close(handle_);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
    handle_ = nullptr;
}

Statement Database::prepare(std::string_view sql) const {
    sqlite3_stmt* statement = nullptr;
    const int rc = sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, std::string(sql).c_str());
    return {handle_, statement, path_.get()};
}

void Database::exec(const std::string& sql) const {
    if (const int rc = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); rc != SQLITE_OK) {
        if (functions_->error) std::rethrow_exception(std::exchange(functions_->error, nullptr));
        fail(handle_, *path_, rc, sql.c_str());
    }
}

void Database::run_schema(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    sqlite3_set_authorizer(handle_, allow_schema, nullptr);
    const int rc =
        sqlite3_prepare_v2(handle_, sql.c_str(), static_cast<int>(sql.size()) + 1, &statement, &rest);
    sqlite3_set_authorizer(handle_, nullptr, nullptr);
    Statement s(handle_, statement, path_.get());
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
    if (statement == nullptr ||
        std::string_view(rest).find_first_not_of(" \t\r\n;") != std::string_view::npos) {
        throw Error(ErrorKind::refused,
                    *path_ + ": its schema holds more than the statement that made a table or index");
    }
    s.run();
}

std::optional<std::int64_t> Database::integer(std::string_view sql) const {
    Statement s = prepare(sql);
    if (!s.step() || s.null(0)) return std::nullopt;
    return s.integer(0);
}

std::optional<std::string> Database::text(std::string_view sql) const {
    Statement s = prepare(sql);
    if (!s.step() || s.null(0)) return std::nullopt;
    return std::string(s.bytes(0));
}

std::int64_t Database::changes() const noexcept {
    return sqlite3_changes64(handle_);
}
bool Database::in_transaction() const noexcept {
    return sqlite3_get_autocommit(handle_) == 0;
}
void Database::busy_timeout(int milliseconds) const {
    sqlite3_busy_timeout(handle_, milliseconds);
}

void Database::reserve_bytes(int bytes) const {
    const int rc = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
}

void Database::scan(std::string_view columns, std::string_view source,
                    std::initializer_list<std::int64_t> parameters,
                    const std::function<void(const Values&)>& f) const {
    ScanState state{&f, nullptr};
    const int rc = sqlite3_create_function_v2(handle_, "kvctl_scan", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                              &state, nullptr, scan_step, scan_final, nullptr);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
    Statement s = prepare("SELECT kvctl_scan(" + std::string(columns) + ") FROM " + std::string(source));
    int parameter = 0;
    for (const std::int64_t p : parameters) s.bind(++parameter, p);
    try {
        s.step();
    } catch (...) {
        if (state.error) std::rethrow_exception(state.error);
        throw;
    }
    if (state.error) std::rethrow_exception(state.error);
}

void Database::add_predicate(const std::string& name, int arguments,
                             std::function<bool(std::int64_t, std::int64_t)> f) {
    functions_->predicates.push_back(
        std::make_unique<Predicate>(Predicate{std::move(f), &functions_->error}));
    const int rc = sqlite3_create_function_v2(
        handle_, name.c_str(), arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY,
        functions_->predicates.back().get(), call_predicate, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
}

void Database::rethrow_function_error() const {
    if (functions_->error) std::rethrow_exception(std::exchange(functions_->error, nullptr));
}

Transaction::Transaction(Database& db, Kind kind) : db_(&db) {
    switch (kind) {
        case Kind::deferred:
            db.exec("BEGIN");
            break;
        case Kind::immediate:
            db.exec("BEGIN IMMEDIATE");
            break;
        case Kind::exclusive:
            db.exec("BEGIN EXCLUSIVE");
            break;
    }
}

Transaction::~Transaction() {
    if (db_ != nullptr && db_->in_transaction())
        sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    db_->exec("COMMIT");
    db_ = nullptr;
}

std::string quote_name(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        out += c;
        if (c == '"') out += c;
    }
    return out + "\"";
}

std::string library_version() {
    return sqlite3_libversion();
}

}  // namespace kvctl::sqlite
