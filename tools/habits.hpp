#pragma once
#include <string>

#include "tools/options.hpp"

namespace kvctl::cli {

/// What somebody used to etcdctl and etcdutl means by a command that kvctl does not have ("endpoint status"):
/// "etcdctl's 'endpoint status' is 'kvctl status STORE'". Empty: nothing that is known.
[[nodiscard]] std::string habit_of_etcdctl(const Args& args);

/// The same of an option ("--endpoints"), without its dashes. Empty: nothing that is known.
[[nodiscard]] std::string habit_of_option(std::string_view name);

/// The same of a format (table, simple, fields). Empty: nothing that is known.
[[nodiscard]] std::string habit_of_format(std::string_view word);

}  // namespace kvctl::cli
