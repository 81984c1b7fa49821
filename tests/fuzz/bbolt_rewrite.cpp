#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"
#include "tests/fuzz/bbolt_target.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
namespace {

// Damage that a compaction refuses, by the same looks.
bool damaged(store::BboltStore& store, const Findings& findings, const mvcc::TreeIndex& index) {
    const auto is_error = [](const Finding& f) { return f.severity == Finding::Severity::error; };
    return std::any_of(findings.begin(), findings.end(), is_error) ||
           !store.structure_faults(nullptr).empty() || index.duplicates() > 0;
}

// In the size foretold, and then what was wanted.
void write_and_read(store::BboltStore& store, const mvcc::TreeIndex& index,
                    const store::RebuildChanges& changes) {
    static MemoryFile out;
    const int fd = ::open(out.path().c_str(), O_RDWR | O_TRUNC | O_CLOEXEC);
    promise(fd >= 0, "a file in memory cannot be opened");
    const store::Rebuilt written = store::write_rebuilt(store, changes, fd, out.path(), nullptr);
    ::close(fd);
    const std::uint64_t digest = store.file().has_digest() ? bbolt::k_digest_bytes : 0;
    promise(written.bytes + digest == store::RebuildSize(store, index).bytes(*changes.plan, changes.disarm),
            "the size is another than was foretold");
    store::verify_rebuilt(store, written, out.path(), nullptr);
    store::BboltStore again(out.path());
    promise(again.head().compacted == changes.plan->compacted_after || !changes.compacts(),
            "the compact revision is another");
}

void rewrite(store::BboltStore& store, std::uint64_t choice) {
    Findings findings;
    const mvcc::CompactionRules rules = choice % 2 == 0 ? mvcc::classic_rules() : mvcc::keep_at_rev_rules();
    const mvcc::TreeIndex index = store.load(rules, findings, nullptr);
    if (damaged(store, findings, index)) return;
    const store::StoreHead head = store.head();
    const std::int64_t at = head.current.value() - static_cast<std::int64_t>(choice / 2 % 9);
    const mvcc::CompactionPlan plan = mvcc::plan_compaction(
        index, {head.current, head.compacted, head.pending() ? head.scheduled : std::nullopt},
        MainRevision(at));
    const store::RebuildChanges changes{&index, &plan, choice % 3 == 0};
    try {
        write_and_read(store, index, changes);
    } catch (const Error& e) {
        promise(false, std::string("what read as sound is not written: ") + e.what());
    }
}

}  // namespace

void bbolt_rewrite(std::string_view bytes, Depth /*depth*/) {
    const std::string copy(bytes);
    static MemoryFile file;
    file.write(bytes.size() % 2 == 0 ? with_sound_checksums(copy) : copy);
    survives([&] {
        store::BboltStore store(file.path());
        rewrite(store, bytes.empty() ? 0 : static_cast<unsigned char>(bytes.back()));
    });
}

}  // namespace kvctl::fuzz
