#include "tools/error_report.hpp"

#include <nlohmann/json.hpp>

namespace kvctl::cli {
namespace {

bool is_json(std::string_view format) noexcept {
    return format == "json" || format == "jsonl";
}

// "-w json" is split over two arguments, "-qwjson" and "-wjson" are not. -n and -v also combine with others.
bool short_asks(std::string_view arg, std::string_view next) noexcept {
    const std::size_t w = arg.find_first_not_of("nqvh", 1);
    if (w == std::string_view::npos || arg[w] != 'w') return false;
    return is_json(w + 1 < arg.size() ? arg.substr(w + 1) : next);
}

}  // namespace

bool wants_json(const Args& args) noexcept {
    constexpr std::string_view k_long = "--write-out";
    for (std::size_t i = 0; i < args.size() && args[i] != "--"; ++i) {
        const std::string_view arg = args[i];
        const std::string_view next =
            i + 1 < args.size() ? std::string_view(args[i + 1]) : std::string_view();
        if (arg == "--json" || (arg == k_long && is_json(next))) return true;
        if (arg.starts_with(k_long) && arg.substr(k_long.size()).starts_with('=') &&
            is_json(arg.substr(k_long.size() + 1))) {
            return true;
        }
        if (arg.size() > 1 && arg[0] == '-' && arg[1] != '-' && short_asks(arg, next)) return true;
    }
    return false;
}

std::string error_json(int code, ErrorKind kind, std::string_view message) {
    nlohmann::ordered_json document;
    document["error"] = {{"code", code}, {"kind", kind_name(kind)}, {"message", message}};
    return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace kvctl::cli
