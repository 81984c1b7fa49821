#pragma once
#include <string>
#include <string_view>

#include "kvctl/base/error.hpp"
#include "tools/options.hpp"

namespace kvctl::cli {

/// True when `args` ask for a JSON format anywhere (-w json, --write-out=jsonl, --json, -qwjson); for errors,
/// which must be shown even when parsing is what failed.
[[nodiscard]] bool wants_json(const Args& args) noexcept;

/// The object on stderr that stands for a fatal error: {"error":{"code":4,"kind":"…","message":"…"}}, no
/// newline. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string error_json(int code, ErrorKind kind, std::string_view message);

}  // namespace kvctl::cli
