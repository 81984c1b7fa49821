#include "kvctl/store/layout_case.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/store/archive.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {
namespace {

// A new layout is named here, and nowhere else outside its folder.
const std::array<const LayoutCase*, 3> k_cases{&k_sqlite_case, &k_bbolt_case, &k_dqlite_case};

bool has(const LayoutCase& c, Layout layout) {
    return std::find(c.layouts.begin(), c.layouts.end(), layout) != c.layouts.end();
}

bool is_regular(const std::string& file) {
    struct stat st {};
    return ::stat(file.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

}  // namespace

const LayoutCase& layout_case(const std::string& path, const std::string& file, const OpenOptions& options) {
    const std::string first_bytes = is_regular(file) ? read_start(file, k_store_start) : "";
    const auto found = std::find_if(k_cases.begin(), k_cases.end(), [&](const LayoutCase* c) {
        return c->is_part != nullptr ? c->is_part(file) : c->starts(first_bytes);
    });
    const LayoutCase& there = found == k_cases.end() ? k_sqlite_case : **found;
    if (!options.layout || has(there, *options.layout)) return there;
    if (found != k_cases.end()) {
        throw Error(ErrorKind::not_a_store,
                    fmt::format("{}: {}, not a {} store", path, there.what, options.layout->name()));
    }
    return **std::find_if(k_cases.begin(), k_cases.end(),
                          [&](const LayoutCase* c) { return has(*c, *options.layout); });
}

bool is_store_folder(const std::string& folder) {
    return std::any_of(k_cases.begin(), k_cases.end(),
                       [&](const LayoutCase* c) { return c->is_part != nullptr && c->is_part(folder); });
}

bool looks_like_store(std::string_view first_bytes) {
    return std::any_of(k_cases.begin(), k_cases.end(),
                       [&](const LayoutCase* c) { return c->starts != nullptr && c->starts(first_bytes); });
}

const std::string& layout_words() {
    static const std::string k_words = [] {
        std::string words = "auto";
        for (const LayoutCase* c : k_cases) {
            for (const Layout layout : c->layouts) words.append("|").append(layout.name());
        }
        return words;
    }();
    return k_words;
}

std::optional<Layout> layout_named(std::string_view word) noexcept {
    for (const LayoutCase* c : k_cases) {
        for (const Layout layout : c->layouts) {
            if (layout.name() == word) return layout;
        }
    }
    return std::nullopt;
}

}  // namespace kvctl::store
