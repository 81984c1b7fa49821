#pragma once
#include <string>

namespace kvctl {

/// Something that may be done about a store, beside what was asked for.
struct Hint {
    std::string code;     ///< stable, lower-case with dashes: "free-space"
    std::string text;     ///< one sentence
    std::string command;  ///< what does it, ready for a shell; empty: nothing that a command does
};

}  // namespace kvctl
