#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/bbolt_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    kvctl::test::read_as_bbolt({reinterpret_cast<const char*>(data), size});
    return 0;
}
