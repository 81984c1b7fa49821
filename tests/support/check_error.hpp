#pragma once
#include <doctest/doctest.h>

#include <string>

#include "kvctl/base/error.hpp"

namespace kvctl::test {

/// Calls `f`, which must throw a kvctl::Error of `kind` whose message has `part` in it.
template <class F>
void check_error(ErrorKind kind, const std::string& part, F&& f) {
    CAPTURE(part);
    try {
        f();
        FAIL_CHECK("threw nothing");
    } catch (const Error& e) {
        CHECK(std::string(kind_name(e.kind())) == std::string(kind_name(kind)));
        CHECK_MESSAGE(std::string(e.what()).find(part) != std::string::npos, e.what());
    }
}

}  // namespace kvctl::test
