#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kvctl/bbolt/format.hpp"
#include "tests/fuzz/bbolt_target.hpp"

namespace {

using namespace kvctl::bbolt;

// Gives both metas a sound checksum, or hardly any input would get past them.
std::string with_checksums(std::string bytes) {
    std::size_t page_size = 0;
    if (bytes.size() >= k_page_header + k_meta_bytes) page_size = load_u32(bytes.data() + k_page_header + 8);
    for (const std::size_t at : {std::size_t{0}, page_size}) {
        const std::size_t meta = at + k_page_header;
        if (meta + k_meta_bytes > bytes.size()) continue;
        std::uint64_t sum = fnv1a(std::string_view(bytes).substr(meta, 56));
        for (std::size_t i = 0; i < 8; ++i, sum >>= 8) bytes[meta + 56 + i] = static_cast<char>(sum & 0xFF);
    }
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    // An input of odd length is read as it is.
    kvctl::test::read_as_bbolt(size % 2 == 0 ? with_checksums(bytes) : bytes);
    return 0;
}
