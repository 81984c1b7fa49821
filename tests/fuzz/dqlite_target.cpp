#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "kvctl/dqlite/crc.hpp"
#include "kvctl/dqlite/state.hpp"
#include "kvctl/dqlite/words.hpp"
#include "kvctl/raftlog/dqlite_dir.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/writable.hpp"
#include "tests/fuzz/examine.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
namespace {

namespace fs = std::filesystem;
using dqlite::little;
using dqlite::padded;

// The files an input may have, each once or more: the last of a kind counts.
constexpr std::array k_names{"metadata1",
                             "metadata2",
                             "open-1",
                             "open-2",
                             "0000000000000001-0000000000000004",
                             "0000000000000005-0000000000000007",
                             "snapshot-1-3-10",
                             "snapshot-1-3-10.meta",
                             "snapshot-2-6-20",
                             "snapshot-2-6-20.meta",
                             "corrupt-open-3"};

void put(std::string& bytes, std::size_t at, std::uint32_t n) {
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(n >> (8 * i) & 0xFF);
}

// Every batch of a segment, as far as their counts and lengths can be followed, gets the checksums it asks
// for.
void mend_segment(std::string& file) {
    for (std::size_t at = 8; at + 16 <= file.size();) {
        const auto count = little<std::uint64_t>(file, at + 8);
        if (count == 0 || count > (file.size() - at - 16) / 16) return;
        const std::size_t headers = 16 * static_cast<std::size_t>(count);
        std::size_t end = at + 16 + headers;
        for (std::size_t h = at + 16; h < at + 16 + headers; h += 16) {
            const std::size_t length = little<std::uint32_t>(file, h + 12);
            if (length > file.size() - end) return;
            end += std::min(padded(length), file.size() - end);
        }
        const std::string_view all(file);
        put(file, at, dqlite::crc32(all.substr(at + 8, 8 + headers)));
        put(file, at + 4, dqlite::crc32(all.substr(at + 16 + headers, end - at - 16 - headers)));
        at = end;
    }
}

void mend_meta(std::string& file) {
    if (file.size() < 32) return;
    const auto length = little<std::uint64_t>(file, 24);
    if (length > file.size() - 32) return;
    put(file, 8, dqlite::crc32(std::string_view(file).substr(16, 16 + static_cast<std::size_t>(length))));
    put(file, 12, 0);
}

class Directory {
  public:
    Directory() : path_((scratch_folder() / "dqlite").string()) { fs::create_directories(path_); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    void write(std::string_view bytes) {
        const bool mends = bytes.size() % 2 == 0;
        std::array<std::optional<std::string>, k_names.size()> files;
        while (bytes.size() >= 3) {
            const std::size_t which = static_cast<unsigned char>(bytes[0]) % k_names.size();
            const std::size_t length = little<std::uint16_t>(bytes, 1);
            files[which] = std::string(bytes.substr(3, length));
            bytes.remove_prefix(std::min(bytes.size(), 3 + length));
        }
        for (std::size_t i = 0; i < k_names.size(); ++i) {
            const std::string name = k_names[i];
            if (!files[i]) {
                fs::remove(path_ + "/" + name);
                continue;
            }
            if (mends && name.ends_with(".meta")) mend_meta(*files[i]);
            if (mends && (name.starts_with("0") || name.find("open") != std::string::npos))
                mend_segment(*files[i]);
            overwrite_file(path_ + "/" + name, *files[i]);
        }
    }

  private:
    std::string path_;
};

// A directory made of what reads as sound holds what the plan leaves, and nothing that is found fault with.
void write_and_read(store::DqliteStore& store, unsigned choice) {
    Findings findings;
    const mvcc::TreeIndex index = store.load(*store.traits().own_rules, findings, nullptr);
    for (const Finding& f : findings) {
        if (f.severity == Finding::Severity::error) return;
    }
    if (!store.structure_faults(nullptr).empty()) return;
    const store::StoreHead head = store.head();
    const MainRevision at(head.current.value() - static_cast<std::int64_t>(choice % 7));
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, {head.current, head.compacted, std::nullopt}, at);
    const std::string out = (scratch_folder() / "dqlite-new").string();
    fs::remove_all(out);
    if (!survives([&] { store.write_compacted(index, plan, {}, out); })) return;
    const auto made = store::open_dqlite(out, {});
    promise(made->state().findings.empty(), "a new directory is found fault with");
    promise(made->state().term > store.state().term && made->state().applied > store.state().last_index,
            "term or index is not raised");
    Findings none;
    promise(made->load(*made->traits().own_rules, none, nullptr).total().revisions == plan.kept.revisions &&
                none.empty(),
            "a new directory holds other rows than the plan keeps");
}

}  // namespace

void dqlite_directory(std::string_view bytes, Depth depth) {
    static Directory directory;
    directory.write(bytes);
    survives([&] {
        const auto log = raftlog::open_dqlite_dir(directory.path());
        std::size_t entries = 0;
        log->each(raftlog::Want::data, [&](const raftlog::Item&) { return ++entries > 0; });
        promise(entries <= bytes.size() / 8, "more entries than bytes for them");
        (void)log->findings();
    });
    survives([&] {
        const auto store = store::open_dqlite(directory.path(), {});
        Examined result;
        // SQLite alone has nothing to be compared with: the database is in no file that has a name.
        examine_store(*store, static_cast<unsigned>(bytes.size() / 2), std::min(depth, Depth::checked),
                      result);
        (void)store->dqlite_facts();
        if (depth == Depth::deep) write_and_read(*store, static_cast<unsigned>(bytes.size() / 2));
    });
}

}  // namespace kvctl::fuzz
