#include "kvctl/store/open.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/store/archive.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/hold.hpp"
#include "kvctl/store/bbolt/writable.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/locate.hpp"
#include "kvctl/store/native/native.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {
bool needs_rollback(const std::string& path) {
    struct stat st {};
    return ::stat((resolve_path(path) + "-journal").c_str(), &st) == 0 && st.st_size > 0;
}

bool is_bbolt(const std::string& real_path) {
    struct stat st {};
    if (::stat(real_path.c_str(), &st) != 0) return false;
    if (!S_ISREG(st.st_mode)) return false;
    // An SQLite file is told by its first bytes.
    if (read_start(real_path, k_sqlite_magic.size()) == k_sqlite_magic) return false;
    return looks_like_bbolt(read_start(real_path, k_store_start));
}

std::string_view name_of(Layout layout) noexcept {
    switch (layout) {
        case Layout::native:
            return "native";
        case Layout::kine:
            return "kine";
        case Layout::bbolt:
            return "bbolt";
        case Layout::dqlite:
            return "dqlite";
    }
    return "native";
}

std::optional<Layout> layout_named(std::string_view word) noexcept {
    for (const Layout layout : {Layout::native, Layout::kine, Layout::bbolt, Layout::dqlite}) {
        if (name_of(layout) == word) return layout;
    }
    return std::nullopt;
}

std::string resolve_path(const std::string& path) {
    std::array<char, PATH_MAX> real{};
    if (::realpath(locate_store(path).c_str(), real.data()) == nullptr)
        throw io_error(path, "cannot open", errno);
    return real.data();
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

namespace {

bool holds_dqlite(const std::string& file, const OpenOptions& options) {
    return options.layout == Layout::dqlite || (!options.layout && dqlite::is_dqlite(file));
}

void refuse_member(const std::string& path, const OpenOptions& options) {
    if (options.member) throw usage_error(path + ": --member: is no archive");
}

std::unique_ptr<Store> open_file(const std::string& path, const std::string& file,
                                 const OpenOptions& options) {
    if (options.layout == Layout::bbolt || is_bbolt(file)) {
        if (options.layout && *options.layout != Layout::bbolt) {
            throw Error(ErrorKind::not_a_store, fmt::format("{}: an etcd db (bbolt), not a {} store", path,
                                                            name_of(*options.layout)));
        }
        std::shared_ptr<const BboltHold> hold;
        if (options.against_writers)
            hold = std::make_shared<const BboltHold>(path, file, BboltHold::Kind::shared, options);
        auto store = std::make_unique<BboltStore>(
            path, file, options.without_lock ? bbolt::File::Lock::none : bbolt::File::Lock::shared);
        if (hold) store->keep(std::move(hold));
        return store;
    }
    const StoreInfo info = inspect_file(path, file);
    return make_sqlite_store(info, open_for_reading(info, options.timeout_ms), options);
}

}  // namespace

std::unique_ptr<Store> open_store(const std::string& path, const OpenOptions& options) {
    const std::string file = resolve_path(path);
    if (holds_dqlite(file, options)) return open_dqlite(path, options);
    if (options.raft_index)
        throw usage_error(path + ": --raft-index: only a dqlite directory has states to choose from");
    if (!is_archive(file)) {
        refuse_member(path, options);
        return open_file(path, file, options);
    }
    auto unpacked = std::make_shared<const Unpacked>(file, options.member);
    std::unique_ptr<Store> store = open_file(path, unpacked->path(), options);
    store->keep(std::move(unpacked));
    return store;
}

void refuse_in_place(const std::string& path, const OpenOptions& options) {
    const std::string file = resolve_path(path);
    if (holds_dqlite(file, options)) refuse_dqlite_in_place(path);
    if (!is_archive(file)) {
        refuse_member(path, options);
        return;
    }
    throw usage_error(path + ": an archive is only read; -o NEW writes what becomes of it into a new file");
}

std::unique_ptr<WritableStore> open_writable(const std::string& path, const OpenOptions& options) {
    refuse_in_place(path, options);
    if (options.layout == Layout::bbolt || is_bbolt(resolve_path(path)))
        return std::make_unique<BboltWritable>(BboltWritable::open(path, options));
    return std::make_unique<SqliteWritable>(SqliteWritable::open(path, options));
}

}  // namespace kvctl::store
