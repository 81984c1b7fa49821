#include "tests/fuzz/bbolt_target.hpp"

#include "kvctl/bbolt/check.hpp"
#include "kvctl/bbolt/format.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "tests/fuzz/examine.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
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

bool read_as_bbolt(std::string_view bytes, Depth depth) {
    static MemoryFile file;
    file.write(bytes);
    if (depth == Depth::deep) {
        survives([&] {
            const bbolt::File opened(file.path());
            Findings findings;
            bbolt::check_structure(opened, findings, nullptr);
        });
    }
    return survives([&] {
        store::BboltStore store(file.path());
        if (depth != Depth::deep) {
            Examined result;
            return examine_store(store, static_cast<unsigned>(bytes.size() / 2), depth, result);
        }
        for (const unsigned choice : {0U, 1U, 27U}) {
            Examined result;
            examine_store(store, choice, depth, result);
        }
        survives([&] {
            std::size_t total = 0;
            store.each_record(MainRevision{0}, MainRevision{INT64_MAX},
                              [&](const mvcc::Record& r) { total += r.key.size() + r.value.size(); });
            // Data of one page never overlaps, so a file cannot stand for more than it holds.
            promise(total <= bytes.size(), "records hold more than the file");
        });
        survives(
            [&] { store.each_record(MainRevision{100}, MainRevision{200}, [](const mvcc::Record&) {}); });
        survives([&] { (void)store.record({3, 0}); });
    });
}

void bbolt_file(std::string_view bytes, Depth depth) {
    const std::string copy(bytes);
    read_as_bbolt(bytes.size() % 2 == 0 ? with_checksums(copy) : copy, depth);
}

}  // namespace kvctl::fuzz
