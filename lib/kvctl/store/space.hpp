#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// A file system with less room than is needed there.
struct Shortage {
    std::string folder;
    std::uint64_t needs = 0;
    std::uint64_t has = 0;
};
/// Sums up what goes to one file system. nullopt: all is there. With `may_checkpoint`, what the store's own
/// -wal takes counts as room where it can be moved into the file first: see WritableStore::make_room().
[[nodiscard]] std::optional<Shortage> find_shortage(const std::vector<SpaceNeeds>& needs,
                                                    const StoreInfo& info, bool may_checkpoint);

/// Throws no_space with both numbers when the file system has less.
void check_space(const SpaceNeeds& needs, const std::string& path);

/// Throws io, naming the way out, where the store's file or its folder cannot be written: a read-only medium,
/// or no right to. A writer changes both.
void check_writable(const std::string& path, const std::string& real_path);

}  // namespace kvctl::store
