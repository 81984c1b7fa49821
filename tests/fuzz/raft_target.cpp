#include "tests/fuzz/raft_target.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raft/revision_match.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/wal_dir.hpp"

namespace kvctl::test {
namespace {

// Bytes as a file without a name on any disk.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("log", MFD_CLOEXEC)) {
        if (fd_ < 0) std::abort();
        while (!bytes.empty()) {
            const ::ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n <= 0) std::abort();
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    ~MemoryFile() { ::close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};

// Reads a source twice, with and without data: both must tell the same of every entry.
void read_all(raftlog::Source& source) {
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
    std::size_t i = 0;
    source.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if (i >= facts.size() || !(facts[i] == item.facts)) std::abort();
        if (h.has_data && raft::encoded_size(item.entry()) != item.facts.bytes) std::abort();
        ++i;
        return true;
    });
    if (i != facts.size()) std::abort();
    (void)source.findings();
}

template <class F>
void survive(F f) {
    try {
        f();
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::internal) throw;
    }
}

// The frames of a segment with the checksums their data asks for, as far as they can be told apart.
std::string mended(std::string_view bytes) {
    std::string out;
    std::uint32_t crc = 0;
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

// Removed when the process ends well; a crash keeps it for a look.
struct Folder {
    std::filesystem::path path;
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "kvctl-fuzz-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

}  // namespace

void read_as_log_file(std::string_view bytes) {
    // SQLite has fuzzers of its own.
    if (bytes.substr(0, 6) == "SQLite") return;
    const MemoryFile file(bytes);
    survive([&] { read_all(*raftlog::open(file.path())); });
}

void read_as_wal(std::string_view bytes, bool mend) {
    static const Folder k_folder;
    const std::string path = k_folder.path / "0000000000000000-0000000000000000.wal";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << (mend ? mended(bytes) : std::string(bytes));
    survive([&] { read_all(*raftlog::open_wal_dir(k_folder.path)); });
}

void read_as_request(std::string_view bytes) {
    for (const auto type :
         {raft::EntryType::normal, raft::EntryType::conf_change, raft::EntryType::conf_change_v2}) {
        const raft::EntryView entry{LogIndex{1}, Term{1}, type, bytes, true};
        const raft::RequestKind kind = raft::classify(entry);
        const raft::Request request = raft::decode_request(entry);
        if (request.kind != kind && request.kind != raft::RequestKind::undecodable) std::abort();
        if (raft::request_kind(raft::name_of(kind)) != kind) std::abort();
        raft::RevisionMatch match(MainRevision{1}, MainRevision{2});
        match.add_change(MainRevision{2}, {false, "k", 0, 0});
        match.add_entry(entry);
        match.finish();
    }
    (void)raft::decode_entry(bytes);
    (void)raft::decode_snapshot(bytes);
}

}  // namespace kvctl::test
