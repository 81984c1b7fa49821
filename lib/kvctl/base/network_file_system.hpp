#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace kvctl {

/// The name of the network file system that a path lies on ("NFS"), as far as the system tells; nullopt: the
/// file is on this machine.
[[nodiscard]] std::optional<std::string> network_file_system(const std::string& path);

/// The same of what statfs says is its type, and of the mount's own word for it ("fuse.sshfs"), which only
/// counts for file systems in user space.
[[nodiscard]] std::optional<std::string> network_file_system(unsigned long type, std::string_view mounted_as);

}  // namespace kvctl
