#include "kvctl/base/network_file_system.hpp"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "kvctl/base/mounts.hpp"

namespace kvctl {
namespace {

constexpr unsigned long k_fuse = 0x65735546;

// linux/magic.h and the file systems' own sources.
constexpr std::array<std::pair<unsigned long, const char*>, 16> k_types{{
    {0x6969, "NFS"},
    {0x517B, "SMB"},
    {0xFF534D42, "CIFS"},
    {0xFE534D42, "SMB"},
    {0x00C36400, "Ceph"},
    {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},
    {0x73757245, "Coda"},
    {0x01021997, "9p"},
    {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x01161970, "GFS2"},
    {0x7461636F, "OCFS2"},
    {0x19830326, "BeeGFS"},
    {0x20030528, "OrangeFS"},
    // A folder of the machine that this one is a guest of, which hears of no lock.
    {0x786F4256, "vboxsf"},
}};
// As their mounts call themselves ("mfs": MooseFS). Most of what runs in user space is on this machine, so
// that a name nobody knows is no network file system.
constexpr std::array<std::string_view, 10> k_in_user_space{
    "sshfs", "glusterfs", "ceph-fuse", "ceph", "mfs", "s3fs", "rclone", "juicefs", "gcsfuse", "davfs"};

}  // namespace

std::optional<std::string> network_file_system(unsigned long type, std::string_view mounted_as) {
    if (type == k_fuse) {
        constexpr std::string_view k_prefix = "fuse.";
        const std::string_view name =
            mounted_as.starts_with(k_prefix) ? mounted_as.substr(k_prefix.size()) : mounted_as;
        const bool known =
            std::find(k_in_user_space.begin(), k_in_user_space.end(), name) != k_in_user_space.end();
        return known ? std::optional<std::string>(name) : std::nullopt;
    }
    for (const auto& [magic, name] : k_types) {
        if (type == magic) return name;
    }
    return std::nullopt;
}

std::optional<std::string> network_file_system(const std::string& path) {
    struct statfs fs {};
    struct stat st {};
    if (::statfs(path.c_str(), &fs) != 0 || ::stat(path.c_str(), &st) != 0) return std::nullopt;
    // The field is signed on some machines; the numbers have 32 bits.
    const auto type = static_cast<unsigned long>(fs.f_type) & 0xFFFFFFFFUL;
    if (type != k_fuse) return network_file_system(type, {});
    const std::vector<Mount> mounts = mounts_of(st.st_dev);
    return network_file_system(type, mounts.empty() ? std::string_view() : mounts.front().type);
}

}  // namespace kvctl
