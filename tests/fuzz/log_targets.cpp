#include <array>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raft/revision_match.hpp"
#include "kvctl/raftlog/dump_text.hpp"
#include "kvctl/raftlog/jsonl.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/wal_dir.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
namespace {

namespace fs = std::filesystem;

// Reads a source without data, and then with: both must tell the same of every entry.
void read_all(raftlog::Source& source, std::size_t file_bytes, Depth depth) {
    const raftlog::Header& h = source.header();
    raft::AuditOptions options;
    options.snapshot = h.snapshot;
    options.snapshot_stored = h.snapshot_stored;
    options.hard_state = h.hard_state;
    options.newest_snapshot = h.newest_snapshot;
    raft::Audit audit(options);
    std::vector<raft::EntryFacts> facts;
    source.each(raftlog::Want::facts, [&](const raftlog::Item& item) {
        facts.push_back(item.facts);
        audit.add(item.facts);
        return true;
    });
    (void)audit.finish();
    promise(facts.size() <= file_bytes, "more entries than bytes");
    if (depth != Depth::deep) return (void)source.findings();
    std::size_t i = 0;
    std::size_t data_bytes = 0;
    source.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        promise(i < facts.size() && facts[i] == item.facts, "two passes tell two things of an entry");
        const raft::EntryView entry = item.entry();
        // A segment's entries have the size they were written with, which need not be ours.
        promise(!h.has_data || h.kind == raftlog::SourceKind::wal ||
                    raft::encoded_size(entry) == item.facts.bytes,
                "an entry's size is another");
        data_bytes += entry.data.size();
        ++i;
        return true;
    });
    promise(i == facts.size(), "two passes find two numbers of entries");
    // Every form spells a byte with one at least.
    promise(data_bytes <= file_bytes, "entries hold more than the file");
    (void)source.findings();
}

// The frames of a segment with the checksums their data asks for, as far as they can be told apart. `crc`
// runs on through the segments.
std::string mended(std::string_view bytes, std::uint32_t& crc) {
    std::string out;
    while (bytes.size() >= 8) {
        const auto length = static_cast<unsigned char>(bytes[0]);
        if (length == 0 || length > bytes.size() - 8) break;
        std::int64_t type = 0;
        std::string_view data;
        proto::Reader r(bytes.substr(8, length));
        while (r.next()) {
            if (r.field() == 1) type = r.signed_number();
            if (r.field() == 3) data = r.bytes();
        }
        if (type != 4) crc = crc32c(crc, data);
        std::string record;
        proto::append_number(record, 1, static_cast<std::uint64_t>(type));
        proto::append_number(record, 2, crc);
        if (type != 4) proto::append_bytes(record, 3, data);
        out += static_cast<char>(record.size() & 0xFF);
        out += static_cast<char>(record.size() >> 8);
        out.append(6, '\0');
        out += record;
        bytes.remove_prefix(8 + std::size_t{length});
    }
    return out + std::string(bytes);
}

std::string hex16(std::uint64_t n) {
    std::string digits(16, '0');
    for (std::size_t i = 16; i-- > 0; n >>= 4) digits[i] = "0123456789abcdef"[n & 15];
    return digits;
}

// A member's folder for up to three segments and, as the last part, a snapshot. Files that stay are only
// written over: making and removing them would take most of an execution.
constexpr std::size_t k_parts = 4;

class MemberFolder {
  public:
    MemberFolder() {
        const fs::path wal = scratch_folder() / "member" / "wal";
        const fs::path snap = scratch_folder() / "member" / "snap";
        fs::create_directories(wal);
        fs::create_directories(snap);
        for (std::size_t part = 0; part < k_parts; ++part) {
            files_[part].path = part + 1 == k_parts ? snap / (hex16(1) + "-" + hex16(part) + ".snap")
                                                    : wal / (hex16(part) + "-" + hex16(part * 2) + ".wal");
        }
        wal_ = wal.string();
    }
    [[nodiscard]] const std::string& wal() const noexcept { return wal_; }
    void write(std::size_t part, std::string_view content) {
        overwrite_file(files_[part].path, content);
        files_[part].there = true;
    }
    void remove(std::size_t part) {
        if (std::exchange(files_[part].there, false)) fs::remove(files_[part].path);
    }

  private:
    struct Part {
        std::string path;
        bool there = false;
    };
    std::array<Part, k_parts> files_;
    std::string wal_;
};

template <class Open>
void read_file_with(Open open, std::string_view bytes, Depth depth) {
    static MemoryFile file;
    file.write(bytes);
    survives([&] { read_all(*open(file.path()), bytes.size(), depth); });
    // Whatever the form, recognising it must agree to be safe.
    if (depth == Depth::deep && bytes.substr(0, 6) != "SQLite")
        survives([&] { (void)raftlog::open(file.path()); });
}

}  // namespace

void jsonl_log(std::string_view bytes, Depth depth) {
    read_file_with([](const std::string& path) { return raftlog::open_jsonl(path); }, bytes, depth);
}

void dump_text_log(std::string_view bytes, Depth depth) {
    read_file_with([](const std::string& path) { return raftlog::open_dump_text(path); }, bytes, depth);
}

void dump_raw_log(std::string_view bytes, Depth depth) {
    read_file_with([](const std::string& path) { return raftlog::open_dump_raw(path); }, bytes, depth);
}

void wal_directory(std::string_view bytes, Depth depth) {
    constexpr std::string_view k_cut = "\n%%\n";
    static MemberFolder member;
    const std::size_t size = bytes.size();
    std::uint32_t crc = 0;
    for (std::size_t part = 0; part < k_parts; ++part) {
        const bool used = part == 0 || !bytes.empty();
        const std::size_t end = std::min(bytes.find(k_cut), bytes.size());
        const std::string_view content = bytes.substr(0, end);
        bytes.remove_prefix(std::min(bytes.size(), end + k_cut.size()));
        if (!used) {
            member.remove(part);
        } else if (size % 2 == 0) {
            member.write(part, mended(content, crc));
        } else {
            member.write(part, content);
        }
    }
    survives([&] { read_all(*raftlog::open_wal_dir(member.wal()), size + k_parts * 256, depth); });
}

void raft_request(std::string_view bytes, Depth /*depth*/) {
    for (const auto type :
         {raft::EntryType::normal, raft::EntryType::conf_change, raft::EntryType::conf_change_v2}) {
        const raft::EntryView entry{LogIndex{1}, Term{1}, type, bytes, true};
        const raft::RequestKind kind = raft::classify(entry);
        const raft::Request request = raft::decode_request(entry);
        promise(request.kind == kind || request.kind == raft::RequestKind::undecodable,
                "a request is of two kinds");
        promise(raft::request_kind(raft::name_of(kind)) == kind, "a kind has no name");
        raft::RevisionMatch match(MainRevision{1}, MainRevision{2});
        match.add_change(MainRevision{2}, {false, "k", 0, 0});
        match.add_entry(entry);
        match.finish();
    }
    (void)raft::decode_entry(bytes);
    (void)raft::decode_snapshot(bytes);
}

}  // namespace kvctl::fuzz
