#include <sys/stat.h>

#include <array>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/kine/live_kine.hpp"
#include "kvctl/store/layout_case.hpp"
#include "kvctl/store/native/native.hpp"
#include "kvctl/store/sqlite/writable.hpp"

namespace kvctl::store {
namespace {

constexpr std::array k_sqlite_layouts{Layout::native, Layout::kine};

bool starts_as_sqlite(std::string_view first_bytes) {
    return first_bytes.starts_with(k_sqlite_magic);
}

std::unique_ptr<Store> open_sqlite(const std::string& path, const std::string& file,
                                   const OpenOptions& options) {
    const StoreInfo info = inspect_file(path, file);
    return make_sqlite_store(info, open_for_reading(info, options.timeout_ms), options);
}

std::unique_ptr<WritableStore> open_writable_sqlite(const std::string& path, const OpenOptions& options) {
    return std::make_unique<SqliteWritable>(SqliteWritable::open(path, options));
}

std::unique_ptr<LiveStore> open_live_kine(const std::string& path, const OpenOptions& options,
                                          int timeout_ms) {
    return std::make_unique<LiveKine>(path, options, timeout_ms);
}

Salvaged salvage_database(const std::string& path, const std::string& file, const OpenOptions& options,
                          const TempFile& made, Progress* progress) {
    return salvage_sqlite(path, file, options.layout, made, progress);
}

}  // namespace

constinit const LayoutCase k_sqlite_case{.layouts = k_sqlite_layouts,
                                         .what = "an SQLite database",
                                         .starts = starts_as_sqlite,
                                         .open = open_sqlite,
                                         .open_writable = open_writable_sqlite,
                                         .open_live = open_live_kine,
                                         .salvage = {.into_copy = salvage_database}};

bool needs_rollback(const std::string& path) {
    struct stat st {};
    return ::stat((resolve_path(path) + "-journal").c_str(), &st) == 0 && st.st_size > 0;
}

std::unique_ptr<SqliteStore> make_sqlite_store(StoreInfo info, Connection connection,
                                               const OpenOptions& options) {
    std::optional<NativeTables> native = NativeStore::find_tables(connection.db);
    std::optional<TableInfo> kine = KineStore::find_table(connection.db);
    if (!options.layout && native && kine) {
        throw Error(
            ErrorKind::not_a_store,
            info.path + ": holds both a native and a kine store; say which with --layout native|kine");
    }
    const Layout layout = options.layout.value_or(kine ? Layout::kine : Layout::native);
    if (!options.layout && !native && !kine) {
        throw Error(ErrorKind::not_a_store,
                    info.path + ": an SQLite database, but neither a native nor a kine store");
    }
    if (layout == Layout::kine) {
        return std::make_unique<KineStore>(std::move(info), std::move(connection), std::move(kine),
                                           options.timeout_ms);
    }
    return std::make_unique<NativeStore>(std::move(info), std::move(connection), std::move(native),
                                         options.timeout_ms);
}

}  // namespace kvctl::store
