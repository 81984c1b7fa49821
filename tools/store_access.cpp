#include "tools/store_access.hpp"

#include <sys/stat.h>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::cli {

jobs::OpenedStore open_for_command(const Parsed& parsed, const std::string& path) {
    const auto rules = parsed.offers("tombstones") ? rules_of(parsed) : std::nullopt;
    return jobs::open_for_reading(path, open_options_of(parsed), rules);
}

jobs::OpenedStore open_behind_key(const Parsed& parsed) {
    const std::vector<std::string>& operands = parsed.operands();
    try {
        return open_for_command(parsed, operands.back());
    } catch (const Error& e) {
        struct stat st {};
        const bool swapped = operands.size() > 1 && ::stat(operands.back().c_str(), &st) != 0 &&
                             ::stat(operands.front().c_str(), &st) == 0;
        if (!swapped) throw;
        throw Error(e.kind(), fmt::format("{}; the store is the last operand", e.what()));
    }
}

}  // namespace kvctl::cli
