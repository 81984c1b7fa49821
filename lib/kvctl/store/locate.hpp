#pragma once
#include <string>

namespace kvctl::store {

/// The file that `path` stands for: itself (a dqlite directory too), or the one store in a folder: the
/// `member/snap/db` of an etcd data dir (also named by its `member` or `member/snap`), else the only file
/// with a store in it, that of an etcd data dir a folder below included, else the only archive. Throws usage
/// where there are several, with their names, not_a_store where there is none.
[[nodiscard]] std::string locate_store(const std::string& path);

}  // namespace kvctl::store
