#include "kvctl/store/space.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

dev_t device_of(const std::string& folder) {
    struct stat st {};
    return ::stat(folder.c_str(), &st) == 0 ? st.st_dev : 0;
}

}  // namespace

std::optional<Shortage> find_shortage(const std::vector<SpaceNeeds>& needs, const StoreInfo& info,
                                      bool may_checkpoint) {
    const dev_t own = device_of(folder_of(info.real_path));
    for (const SpaceNeeds& first : needs) {
        const dev_t device = device_of(first.folder);
        std::uint64_t sum = 0;
        for (const SpaceNeeds& n : needs) sum += device_of(n.folder) == device ? n.bytes : 0;
        std::uint64_t has = free_bytes(first.folder);
        const std::uint64_t growth = info.bytes_with_wal() - info.file_bytes;
        if (may_checkpoint && device == own && info.wal_mode && info.wal_bytes > 0 && growth <= has)
            has += info.wal_bytes - std::min(info.wal_bytes, growth);
        if (sum > has) return Shortage{first.folder, sum, has};
    }
    return std::nullopt;
}

void check_space(const SpaceNeeds& needs, const std::string& path) {
    const std::uint64_t have = free_bytes(needs.folder);
    if (have >= needs.bytes) return;
    throw Error(
        ErrorKind::no_space,
        fmt::format("{}: needs {} free in {}, which has {}; ways out: '-o FILE' on another disk needs "
                    "as much there",
                    path, format_bytes_exact(needs.bytes), needs.folder, format_bytes_exact(have)));
}

void check_writable(const std::string& path, const std::string& real_path) {
    for (const std::string& name : {real_path, folder_of(real_path)}) {
        if (::faccessat(AT_FDCWD, name.c_str(), W_OK, AT_EACCESS) == 0) continue;
        const Error error = io_error(name == real_path ? path : name, "cannot be written", errno);
        throw Error(ErrorKind::io,
                    fmt::format("{}; {} writes what becomes of the store elsewhere", error.what(),
                                command_on(path, "compact --keep-last 1000 -o NEW")));
    }
}

}  // namespace kvctl::store
