#include "kvctl/dqlite/snapshot.hpp"

#include <lz4frame.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/dqlite/mapped.hpp"
#include "kvctl/dqlite/words.hpp"

namespace kvctl::dqlite {
namespace {

constexpr std::uint32_t k_lz4_magic = 0x184D2204;
constexpr std::size_t k_piece = std::size_t{256} << 10;
constexpr std::size_t k_page_size_at = 16;  // in SQLite's header, two bytes, most significant first
constexpr std::size_t k_wal_header = 32;    // SQLite's write-ahead log
constexpr std::size_t k_wal_frame_header = 24;
constexpr std::uint64_t k_most_databases = 1024;
constexpr std::size_t k_longest_name = 4096;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw Error(ErrorKind::damaged, path + ": " + what);
}

std::uint32_t big(std::string_view bytes, std::size_t at) {
    return be32(reinterpret_cast<const unsigned char*>(bytes.data()) + at);
}

// The snapshot's content, handed out piece by piece.
class Content {
  public:
    Content(std::string path, std::string_view file) : path_(std::move(path)), file_(file) {
        compressed_ = file.size() >= 4 && little<std::uint32_t>(file, 0) == k_lz4_magic;
        if (!compressed_) return;
        if (LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) != 0)
            throw Error(ErrorKind::internal, path_ + ": no memory to unpack it");
        buffer_.resize(k_piece);
    }
    Content(const Content&) = delete;
    Content& operator=(const Content&) = delete;
    ~Content() { LZ4F_freeDecompressionContext(context_); }

    [[nodiscard]] bool compressed() const noexcept { return compressed_; }
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

    // The next n bytes, which live until the next call; damage where there are fewer.
    std::string_view take(std::size_t n) {
        if (left() < n) {
            ready_.erase(0, at_);
            at_ = 0;
        }
        while (left() < n) {
            if (!more()) fail(path_, "the snapshot ends inside its content");
        }
        at_ += n;
        taken_ += n;
        return std::string_view(ready_).substr(at_ - n, n);
    }
    std::uint64_t word() { return little<std::uint64_t>(take(8), 0); }
    std::string text() {
        std::string name;
        for (;;) {
            const std::string_view eight = take(8);
            const std::size_t end = eight.find('\0');
            name += eight.substr(0, end);
            if (end != std::string_view::npos) return name;
            if (name.size() > k_longest_name)
                fail(path_, "the snapshot's content is damaged: a name without an end");
        }
    }
    // Unpacks what is left, so that every checksum is compared.
    void drain() {
        do {
            taken_ += left();
            ready_.clear();
            at_ = 0;
        } while (more());
    }
    // Unpacks to the end, so that a checksum behind the content is compared; damage where content is left.
    void finish() {
        while (left() == 0 && more()) {
        }
        if (left() > 0) fail(path_, "the snapshot holds more than its databases");
    }

  private:
    [[nodiscard]] std::size_t left() const noexcept { return ready_.size() - at_; }
    // Unpacks a piece; false at the end.
    bool more() {
        check_interrupt();
        if (!compressed_) {
            const std::string_view piece = file_.substr(0, k_piece);
            ready_ += piece;
            file_.remove_prefix(piece.size());
            return !piece.empty();
        }
        while (!ended_) {
            std::size_t out = buffer_.size();
            std::size_t in = file_.size();
            const std::size_t rc =
                LZ4F_decompress(context_, buffer_.data(), &out, file_.data(), &in, nullptr);
            if (LZ4F_isError(rc) != 0)
                fail(path_, std::string("the LZ4 frame is damaged: ") + LZ4F_getErrorName(rc));
            file_.remove_prefix(in);
            ended_ = rc == 0;
            if (out > 0) {
                ready_.append(buffer_.data(), out);
                return true;
            }
            if (!ended_ && in == 0) fail(path_, "the LZ4 frame is cut short");
        }
        return false;
    }
    std::string path_;
    std::string_view file_;
    bool compressed_ = false;
    LZ4F_dctx* context_ = nullptr;
    std::string buffer_;
    std::string ready_;  // unpacked; taken up to at_
    std::size_t at_ = 0;
    std::uint64_t taken_ = 0;
    bool ended_ = false;
};

std::size_t page_size_of(std::uint32_t stored, const std::string& path) {
    const std::size_t n = stored == 1 ? 65536 : stored;
    if (n < 512 || n > 65536 || (n & (n - 1)) != 0)
        fail(path, fmt::format("the snapshot gives a page size of {}", n));
    return n;
}

void put(Image& image, std::uint64_t page, std::string_view content, const std::string& path) {
    if (!image.write(page, content))
        fail(path, fmt::format("the snapshot has a page {} that cannot be", page));
}

// dqlite 1.11 counts the main pages in 32 bits; page 1 knows how many there are.
std::uint64_t true_size(std::uint64_t stored, std::string_view page_one) {
    const std::uint64_t counted = std::uint64_t{big(page_one, 28)} * page_one.size();
    return counted > stored && static_cast<std::uint32_t>(counted) == stored ? counted : stored;
}

void read_main(Content& content, Image& image, std::uint64_t bytes, const std::string& path) {
    if (bytes == 0) return;
    if (bytes < 512) fail(path, "the snapshot holds less than a page of a database");
    std::string first(content.take(512));
    const std::size_t page_size =
        page_size_of(static_cast<std::uint32_t>(static_cast<unsigned char>(first[k_page_size_at])) << 8 |
                         static_cast<unsigned char>(first[k_page_size_at + 1]),
                     path);
    if (page_size > 512) first += content.take(page_size - 512);
    const std::uint64_t size = true_size(bytes, first);
    if (size % page_size != 0) fail(path, "the snapshot holds a part of a page");
    image.expect(size / page_size);
    put(image, 1, first, path);
    const std::uint64_t at_once = k_piece / page_size;
    for (std::uint64_t page = 2; page <= size / page_size;) {
        const std::uint64_t n = std::min(at_once, size / page_size + 1 - page);
        put(image, page, content.take(static_cast<std::size_t>(n * page_size)), path);
        page += n;
    }
}

void read_wal(Content& content, Image& image, std::uint64_t bytes, const std::string& path) {
    if (bytes == 0) return;
    if (bytes < k_wal_header) fail(path, "the snapshot holds a part of a write-ahead log's header");
    const std::size_t page_size = page_size_of(big(content.take(k_wal_header), 8), path);
    const std::size_t frame = k_wal_frame_header + page_size;
    if ((bytes - k_wal_header) % frame != 0) fail(path, "the snapshot's write-ahead log ends inside a frame");
    // Pages of a transaction wait for its last frame, which tells the size of the database.
    std::vector<std::pair<std::uint64_t, std::string>> waiting;
    for (std::uint64_t left = (bytes - k_wal_header) / frame; left > 0; --left) {
        const std::string_view header = content.take(k_wal_frame_header);
        const std::uint32_t page = big(header, 0);
        const bool commits = big(header, 4) != 0;
        waiting.emplace_back(page, content.take(page_size));
        if (!commits) continue;
        image.expect(waiting.size());
        for (const auto& [number, bytes_of_page] : waiting) put(image, number, bytes_of_page, path);
        waiting.clear();
    }
}

}  // namespace

SnapshotContent read_snapshot(const Folder& folder, const SnapshotFile& file) {
    const std::string path = folder.file(file.name);
    const Mapped mapped(folder, file.name);
    if (mapped.bytes().empty()) fail(path, "the snapshot is empty");
    Content content(path, mapped.bytes());
    SnapshotContent result;
    result.compressed = content.compressed();
    if (const std::uint64_t format = content.word(); format != 1)
        fail(path, fmt::format("the snapshot's format is {}, not 1", format));
    const std::uint64_t databases = content.word();
    if (databases > k_most_databases)
        fail(path, fmt::format("the snapshot's content is damaged: {} databases", databases));
    for (std::uint64_t i = 0; i < databases; ++i) {
        Image image(content.text());
        const std::uint64_t main_bytes = content.word();
        const std::uint64_t wal_bytes = content.word();
        read_main(content, image, main_bytes, path);
        read_wal(content, image, wal_bytes, path);
        if (image.pages() > 0 && !image.commit())
            fail(path, fmt::format("database {} in the snapshot lacks pages that its header counts",
                                   escape(image.name())));
        result.databases.push_back(std::move(image));
    }
    content.finish();
    result.unpacked_bytes = content.taken();
    return result;
}

std::string snapshot_fault(const Folder& folder, const SnapshotFile& file) try {
    const std::string path = folder.file(file.name);
    const Mapped mapped(folder, file.name);
    Content content(path, mapped.bytes());
    if (content.word() != 1) return path + ": the snapshot's format is not 1";
    content.drain();
    return {};
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged) throw;
    return e.what();
}

std::uint64_t unpacked_bytes(std::string_view database, std::uint64_t database_bytes) noexcept {
    return 16 + padded(database.size() + 1) + 16 + database_bytes;
}

void write_snapshot(std::string_view database, std::uint64_t bytes,
                    const std::function<std::string_view(std::uint64_t, std::size_t)>& read,
                    const std::function<void(std::string_view)>& write) {
    LZ4F_cctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)) != 0)
        throw Error(ErrorKind::internal, "no memory to compress a snapshot");
    struct Free {
        LZ4F_cctx* context;
        ~Free() { LZ4F_freeCompressionContext(context); }
    } const free_context{context};
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    preferences.frameInfo.contentSize = unpacked_bytes(database, bytes);
    std::string out(std::max<std::size_t>(LZ4F_compressBound(k_piece, &preferences), LZ4F_HEADER_SIZE_MAX),
                    '\0');
    const auto pass_on = [&](std::size_t n) {
        if (LZ4F_isError(n) != 0)
            throw Error(ErrorKind::internal,
                        std::string("cannot compress a snapshot: ") + LZ4F_getErrorName(n));
        write(std::string_view(out).substr(0, n));
    };
    const auto add = [&](std::string_view piece) {
        pass_on(LZ4F_compressUpdate(context, out.data(), out.size(), piece.data(), piece.size(), nullptr));
    };
    std::string head;
    put_little(head, std::uint64_t{1});
    put_little(head, std::uint64_t{1});
    head += database;
    head.resize(16 + padded(database.size() + 1), '\0');
    put_little(head, bytes);
    put_little(head, std::uint64_t{0});
    pass_on(LZ4F_compressBegin(context, out.data(), out.size(), &preferences));
    add(head);
    for (std::uint64_t at = 0; at < bytes;) {
        check_interrupt();
        const std::string_view piece =
            read(at, static_cast<std::size_t>(std::min<std::uint64_t>(k_piece, bytes - at)));
        add(piece);
        at += piece.size();
    }
    pass_on(LZ4F_compressEnd(context, out.data(), out.size(), nullptr));
}

}  // namespace kvctl::dqlite
