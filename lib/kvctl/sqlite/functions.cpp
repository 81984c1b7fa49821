#include "kvctl/sqlite/functions.hpp"

#include <sqlite3.h>

#include <utility>

#include "kvctl/sqlite/failure.hpp"

// Functions of SQL that call back: rows handed out without leaving SQLite, and predicates.
namespace kvctl::sqlite {
namespace {

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

template <class Predicate>
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
        std::make_unique<Functions::Predicate>(Functions::Predicate{std::move(f), &functions_->error}));
    const int rc = sqlite3_create_function_v2(
        handle_, name.c_str(), arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY,
        functions_->predicates.back().get(), call_predicate<Functions::Predicate>, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
}

void Database::when_busy(std::function<bool(int)> f) const {
    functions_->busy = std::move(f);
    sqlite3_busy_handler(
        handle_,
        [](void* functions, int tries) {
            try {
                return static_cast<Functions*>(functions)->busy(tries) ? 1 : 0;
            } catch (...) {
                static_cast<Functions*>(functions)->error = std::current_exception();
                return 0;
            }
        },
        functions_.get());
}

void Database::rethrow_function_error() const {
    if (functions_->error) std::rethrow_exception(std::exchange(functions_->error, nullptr));
}

}  // namespace kvctl::sqlite
