#include "kvctl/base/network_file_system.hpp"

#include <doctest/doctest.h>

#include "tests/support/temp_dir.hpp"

using namespace kvctl;

TEST_CASE("network file system: told by its type, and in user space by its name") {
    CHECK(network_file_system(0x6969, "nfs4") == "NFS");
    CHECK(network_file_system(0xFF534D42, "cifs") == "CIFS");
    CHECK(network_file_system(0x01021997, "9p") == "9p");
    for (const unsigned long local : {0xEF53UL, 0x58465342UL, 0x9123683EUL, 0x01021994UL, 0x794C7630UL})
        CHECK_FALSE(network_file_system(local, "").has_value());
    CHECK(network_file_system(0x19830326, "beegfs") == "BeeGFS");
    CHECK(network_file_system(0x20030528, "pvfs2") == "OrangeFS");
    CHECK(network_file_system(0x786F4256, "vboxsf") == "vboxsf");
    CHECK(network_file_system(0x65735546, "fuse.sshfs") == "sshfs");
    CHECK(network_file_system(0x65735546, "fuse.glusterfs") == "glusterfs");
    CHECK(network_file_system(0x65735546, "fuse.ceph-fuse") == "ceph-fuse");
    CHECK(network_file_system(0x65735546, "ceph-fuse") == "ceph-fuse");
    CHECK(network_file_system(0x65735546, "fuse.mfs") == "mfs");
    CHECK(network_file_system(0x65735546, "mfs") == "mfs");
    CHECK_FALSE(network_file_system(0x65735546, "fuse.mergerfs").has_value());
    CHECK_FALSE(network_file_system(0x65735546, "fuseblk").has_value());
    CHECK_FALSE(network_file_system(0x65735546, "fuse").has_value());
    CHECK_FALSE(network_file_system(0x65735546, "").has_value());
    // By name alone nothing is one.
    CHECK_FALSE(network_file_system(0xEF53, "fuse.sshfs").has_value());
}

TEST_CASE("network file system: a folder of this machine is on none, nor is a name that leads nowhere") {
    const test::TempDir dir;
    CHECK_FALSE(network_file_system(dir.path().string()).has_value());
    CHECK_FALSE(network_file_system(dir.file("nowhere")).has_value());
}
