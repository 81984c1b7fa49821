#include <doctest/doctest.h>

#include "kvctl/kube/decode.hpp"

using namespace kvctl;

TEST_CASE("decode: an empty value is no object") {
    CHECK_FALSE(kube::decode("", "", {}).has_object());
}
