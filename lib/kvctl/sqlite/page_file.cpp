#include "kvctl/sqlite/page_file.hpp"

#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/sqlite/lost_reads.hpp"

namespace kvctl::sqlite {
namespace {

constexpr std::size_t k_wal_header = 32;
constexpr std::size_t k_frame_header = 24;
constexpr std::uint32_t k_wal_magic = 0x377F0682;  // its lowest bit: the checksum's words are big endian
constexpr std::uint32_t k_wal_version = 3007000;
constexpr std::uint32_t k_utf8 = 1;

bool read_exactly(sqlite3_file& file, void* out, std::size_t bytes, std::uint64_t at) {
    const int lost = take_lost_read();
    const int rc = file.pMethods->xRead(&file, out, static_cast<int>(bytes), static_cast<sqlite3_int64>(at));
    set_lost_read(lost);  // SQLite reads the same again, and is asked then
    return rc == SQLITE_OK;
}

// The running checksum of a -wal.
class Checksum {
  public:
    explicit Checksum(bool big_endian) : big_endian_(big_endian) {}
    // A multiple of eight bytes.
    void add(const unsigned char* data, std::size_t bytes) noexcept {
        const auto word = [&](std::size_t at) { return big_endian_ ? be32(data + at) : le32(data + at); };
        for (std::size_t at = 0; at < bytes; at += 8) {
            first_ += word(at) + second_;
            second_ += word(at + 4) + first_;
        }
    }
    [[nodiscard]] bool stands_at(const unsigned char* data) const noexcept {
        return be32(data) == first_ && be32(data + 4) == second_;
    }

  private:
    bool big_endian_;
    std::uint32_t first_ = 0;
    std::uint32_t second_ = 0;
};

sqlite3_file* file_of(const Database& db, int which) {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(db.handle(), "main", which, static_cast<void*>(&file)) != SQLITE_OK)
        return nullptr;
    return file == nullptr || file->pMethods == nullptr ? nullptr : file;
}

std::atomic<bool>& permission() noexcept {
    static std::atomic<bool> allowed = [] {
        const char* const reader = std::getenv("KVCTL_READER");
        return reader == nullptr || std::string_view(reader) != "sqlite";
    }();
    return allowed;
}

}  // namespace

bool PageFile::allowed() noexcept {
    return permission();
}

void PageFile::allow(bool allowed) noexcept {
    permission() = allowed;
}

std::optional<WalFrames> WalFrames::read(sqlite3_file& wal, std::uint32_t page_size) {
    sqlite3_int64 size = 0;
    if (wal.pMethods->xFileSize(&wal, &size) != SQLITE_OK) return std::nullopt;
    WalFrames frames;
    std::array<unsigned char, k_wal_header> header{};
    const auto bytes = static_cast<std::uint64_t>(size);
    if (bytes < header.size()) return frames;
    if (!read_exactly(wal, header.data(), header.size(), 0)) return std::nullopt;
    // What SQLite takes for no -wal at all.
    if ((be32(header.data()) & ~1U) != k_wal_magic) return frames;
    Checksum sum((be32(header.data()) & 1U) != 0);
    sum.add(header.data(), 24);
    if (!sum.stands_at(&header[24])) return frames;
    if (be32(&header[4]) != k_wal_version || be32(&header[8]) != page_size) return std::nullopt;

    std::vector<unsigned char> frame(k_frame_header + page_size);
    std::vector<std::pair<std::uint32_t, std::uint64_t>> open;  // frames of a transaction that has not ended
    for (std::uint64_t at = k_wal_header; at + frame.size() <= bytes; at += frame.size()) {
        if (!read_exactly(wal, frame.data(), frame.size(), at)) return std::nullopt;
        const std::uint32_t page = be32(frame.data());
        if (page == 0 || be64(&frame[8]) != be64(&header[16])) break;  // the salts: of a -wal before this one
        sum.add(frame.data(), 8);
        sum.add(&frame[k_frame_header], page_size);
        if (!sum.stands_at(&frame[16])) break;
        open.emplace_back(page, at + k_frame_header);
        const std::uint32_t pages = be32(&frame[4]);
        if (pages == 0) continue;
        for (const auto& [p, place] : open) frames.at_[p] = place;
        open.clear();
        frames.pages_ = pages;
    }
    return frames;
}

FileMap::FileMap(sqlite3_file& file, std::uint32_t page_size, std::string name) {
    const sqlite3_io_methods& of = *file.pMethods;
    sqlite3_int64 size = 0;
    sqlite3_int64 limit = std::numeric_limits<sqlite3_int64>::max();
    if (of.iVersion < 3 || of.xFileSize(&file, &size) != SQLITE_OK ||
        of.xFileControl(&file, SQLITE_FCNTL_MMAP_SIZE, &limit) != SQLITE_OK)
        return;
    const auto fetch = [&](sqlite3_int64 page) {
        void* at = nullptr;
        const int rc = of.xFetch(&file, page * page_size, static_cast<int>(page_size), &at);
        return rc == SQLITE_OK ? static_cast<char*>(at) : nullptr;
    };
    sqlite3_int64 most = -1;  // asks
    of.xFileControl(&file, SQLITE_FCNTL_MMAP_SIZE, &most);
    const sqlite3_int64 pages = most <= 0 ? 0 : std::min(size, most) / page_size;
    if (char* const first = pages == 0 ? nullptr : fetch(0)) {
        // Not all of a file that has shrunk since is mapped, and a newer SQLite holds the very end back.
        for (sqlite3_int64 n = pages; n + 2 > pages && n > 0; --n) {
            char* const last = fetch(n - 1);
            if (last == nullptr) continue;
            of.xUnfetch(&file, (n - 1) * page_size, last);
            file_ = &file;
            limit_before_ = limit;
            const sqlite3_int64 bytes = n * page_size;
            pages_ = WatchedPages({first, static_cast<std::size_t>(bytes)}, std::move(name));
            return;
        }
        of.xUnfetch(&file, 0, first);
    }
    of.xFileControl(&file, SQLITE_FCNTL_MMAP_SIZE, &limit);
}

FileMap::~FileMap() {
    if (file_ == nullptr) return;
    if (pages_.lost()) pages_.excuse();
    char* const first = const_cast<char*>(pages_.bytes().data());
    pages_ = {};
    file_->pMethods->xUnfetch(file_, 0, first);
    file_->pMethods->xFileControl(file_, SQLITE_FCNTL_MMAP_SIZE, &limit_before_);
}

FileMap::FileMap(FileMap&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)),
      limit_before_(other.limit_before_),
      pages_(std::move(other.pages_)) {}

FileMap& FileMap::operator=(FileMap&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(limit_before_, other.limit_before_);
    std::swap(pages_, other.pages_);
    return *this;
}

const unsigned char* FileMap::bytes(std::uint64_t at, std::size_t count) const noexcept {
    const std::string_view all = pages_.bytes();
    if (at > all.size() || count > all.size() - at) return nullptr;
    return reinterpret_cast<const unsigned char*>(all.data()) + at;
}

void FileMap::give_back(std::uint64_t at, std::size_t count) const noexcept {
    const std::uint64_t end = std::min<std::uint64_t>(at + count, pages_.bytes().size());
    const auto unit = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    at = (at + unit - 1) / unit * unit;
    if (at < end) ::madvise(const_cast<char*>(pages_.bytes().data()) + at, end - at, MADV_DONTNEED);
}

std::optional<PageFile> PageFile::of(const Database& db, std::shared_ptr<const WalFrames> frames) {
    // Its files are open, and a -wal looked through, once something was read.
    if (!db.integer("SELECT count(*) FROM sqlite_schema")) return std::nullopt;
    PageFile p;
    p.file_ = file_of(db, SQLITE_FCNTL_FILE_POINTER);
    if (p.file_ == nullptr) return std::nullopt;
    const std::optional<std::string> mode = db.text("PRAGMA journal_mode");
    p.page_size_ = static_cast<std::uint32_t>(db.integer("PRAGMA page_size").value_or(0));
    if (!mode || p.page_size_ < 512 || p.page_size_ > 65536) return std::nullopt;
    if (*mode == "wal") {
        p.wal_ = file_of(db, SQLITE_FCNTL_JOURNAL_POINTER);
        if (p.wal_ == nullptr) return std::nullopt;
        if (frames == nullptr) {
            std::optional<WalFrames> read = WalFrames::read(*p.wal_, p.page_size_);
            if (!read) return std::nullopt;
            frames = std::make_shared<const WalFrames>(*std::move(read));
        }
    }
    p.frames_ = frames == nullptr ? std::make_shared<const WalFrames>() : std::move(frames);
    p.pages_ = static_cast<std::uint32_t>(db.integer("PRAGMA page_count").value_or(0));
    if (!p.frames_->empty() && p.frames_->pages() != p.pages_) return std::nullopt;
    std::vector<unsigned char> first(p.page_size_);
    if (p.pages_ == 0 || !p.read(1, 1, first.data()) || first[20] > p.page_size_ - 480) return std::nullopt;
    p.usable_size_ = p.page_size_ - first[20];
    if (be32(&first[56]) != k_utf8) return std::nullopt;
    p.map_ = FileMap(*p.file_, p.page_size_, db.path());
    return p;
}

const unsigned char* PageFile::mapped(std::uint32_t first, std::uint32_t count) const noexcept {
    if (first == 0 || count == 0 || count > pages_ || first > pages_ - count + 1) return nullptr;
    for (std::uint32_t i = 0; i < count && !frames_->empty(); ++i) {
        if (frames_->at(first + i) != 0) return nullptr;
    }
    return map_.bytes(std::uint64_t{first - 1} * page_size_, std::size_t{count} * page_size_);
}

void PageFile::give_back(std::uint32_t first, std::uint32_t end) const noexcept {
    map_.give_back(std::uint64_t{first - 1} * page_size_, std::size_t{end - first} * page_size_);
}

bool PageFile::read(std::uint32_t first, std::uint32_t count, unsigned char* out) const {
    if (first == 0 || count == 0 || count > pages_ || first > pages_ - count + 1) return false;
    const auto offset = [&](std::uint32_t page) { return std::uint64_t{page - 1} * page_size_; };
    if (frames_->empty()) return read_exactly(*file_, out, std::size_t{count} * page_size_, offset(first));
    // The stretches between the pages that stand in the -wal; behind the file's end there are no others.
    for (std::uint32_t i = 0; i < count;) {
        unsigned char* const here = out + std::size_t{i} * page_size_;
        if (const std::uint64_t at = frames_->at(first + i); at != 0) {
            if (!read_exactly(*wal_, here, page_size_, at)) return false;
            ++i;
            continue;
        }
        std::uint32_t end = i + 1;
        while (end < count && frames_->at(first + end) == 0) ++end;
        if (!read_exactly(*file_, here, std::size_t{end - i} * page_size_, offset(first + i))) return false;
        i = end;
    }
    return true;
}

}  // namespace kvctl::sqlite
