#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/raft_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    kvctl::test::read_as_wal(bytes, size % 2 == 0);
    return 0;
}
