#pragma once
#include <string>
#include <vector>

namespace kvctl::test {

struct Result {
    int code = 0;
    std::string out;
    std::string err;
};

struct Terminals {
    bool out = false;
    bool err = false;
};

/// Whether `part` stands somewhere in `text`.
[[nodiscard]] inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// kvctl::cli::run in this process with captured streams.
[[nodiscard]] Result run_cli(const std::vector<std::string>& args, Terminals terminals = {});

}  // namespace kvctl::test
