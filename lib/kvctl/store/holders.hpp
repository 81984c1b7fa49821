#pragma once
#include <string>
#include <vector>

namespace kvctl::store {

/// A process that has a store's file open or locked.
struct Holder {
    int pid = 0;
    std::string command;  ///< as the system shows it; may be empty
};

/// Those that the system shows, in no order. Only before the store is opened: looking closes a descriptor of
/// the file, and with it this process's own locks on it would go. Empty where there is no such file.
[[nodiscard]] std::vector<Holder> holders_of(const std::string& path);

}  // namespace kvctl::store
