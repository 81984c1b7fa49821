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

}  // namespace

std::string with_sound_checksums(std::string bytes) {
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

namespace {

// Count and element headers of one page, and of the pages its elements lead to.
void add_headers(const bbolt::File& file, const Page& page, std::vector<std::size_t>& out) {
    const auto base = static_cast<std::size_t>(page.bytes().data() - file.data().data());
    out.push_back(base + 10);
    out.push_back(base + 11);
    for (std::uint32_t i = 0; i < page.count(); ++i) {
        // All of a leaf's; of a branch's not the child's id.
        const std::size_t at = base + k_page_header + std::size_t{i} * k_element;
        for (std::size_t b = 0; b < (page.leaf() ? k_element : 8); ++b) out.push_back(at + b);
        Page::BranchElement branch;
        Page::LeafElement leaf;
        if (!page.leaf() && page.branch_element(i, branch)) add_headers(file, file.page(branch.child), out);
        if (!page.leaf() || !page.leaf_element(i, leaf) || !leaf.bucket) continue;
        const Bucket bucket = file.decode_bucket(leaf.value, page.id());
        add_headers(file, bucket.root.value() == 0 ? file.inline_page(bucket) : file.page(bucket.root), out);
    }
}

}  // namespace

std::vector<std::size_t> element_headers(std::string_view bytes) {
    static MemoryFile memory;
    memory.write(bytes);
    const bbolt::File file(memory.path());
    std::vector<std::size_t> all;
    add_headers(file, file.page(file.root().root), all);
    return all;
}

std::optional<std::string> etcd_content(std::string_view bytes) {
    static MemoryFile memory;
    memory.write(bytes);
    std::string all;
    const auto add = [&](std::string_view text) {
        all += std::to_string(text.size()) + ':';
        all += text;
    };
    const auto add_number = [&](std::int64_t n) { add(std::to_string(n)); };
    const bool read = survives([&] {
        store::BboltStore store(memory.path());
        Findings findings;
        (void)store.load(mvcc::keep_at_rev_rules(), findings, nullptr);
        for (const Finding& f : findings) {
            if (f.severity == Finding::Severity::error) throw Error(ErrorKind::findings, "damage was told");
        }
        add_number(store.head().current.value());
        store.each_record(MainRevision{0}, MainRevision{INT64_MAX}, [&](const mvcc::Record& r) {
            for (const std::int64_t n : {r.revision.main, r.revision.sub, std::int64_t{r.tombstone}})
                add_number(n);
            add(r.key);
            add(r.stored);
        });
        for (const store::Lease& l : store.leases()) {
            add_number(l.id);
            add_number(l.ttl);
        }
        for (const auto& [name, value] : store.meta()) {
            add(name);
            add_number(value);
        }
        const auto facts = store.etcd_facts();
        for (const auto& m : facts->members) add(m.name);
        for (const auto& a : facts->alarms) add(a.text());
        add(facts->cluster_version.value_or("none"));
        add(facts->storage_version.value_or("none"));
    });
    return read ? std::optional(all) : std::nullopt;
}

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
    read_as_bbolt(bytes.size() % 2 == 0 ? with_sound_checksums(copy) : copy, depth);
}

}  // namespace kvctl::fuzz
