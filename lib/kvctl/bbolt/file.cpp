#include "kvctl/bbolt/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/bbolt/sha256.hpp"

namespace kvctl::bbolt {
namespace {

std::string_view from(std::string_view bytes, std::uint64_t at) noexcept {
    return at < bytes.size() ? bytes.substr(at) : std::string_view{};
}

}  // namespace

File::File(const std::string& path, Lock lock, const std::string& name, Length length)
    : path_(name.empty() ? path : name) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) throw io_error(path_, "cannot open", errno);
    try {
        // A file system without locks is no reason not to read.
        locked_ = lock == Lock::shared && ::flock(fd_, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        map();
        choose_meta(length);
    } catch (...) {
        ::close(fd_);
        throw;
    }
}

File::~File() {
    ::close(fd_);
}

void File::map() {
    struct stat st {};
    if (::fstat(fd_, &st) != 0) throw io_error(path_, "cannot stat", errno);
    if (!S_ISREG(st.st_mode)) throw Error(ErrorKind::not_a_store, path_ + ": is not a regular file");
    const auto size = static_cast<std::size_t>(st.st_size);
    if (size == 0) throw Error(ErrorKind::not_a_store, path_ + ": is empty");
    try {
        map_ = MappedFile(fd_, size, path_);
    } catch (const std::system_error& e) {
        throw io_error(path_, "cannot map", e.code().value());
    }
    bytes_ = map_.bytes();
    data_ = bytes_;
}

void File::choose_meta(Length length) {
    const bool recognised = looks_like_bbolt(data_);
    check_readable();
    if (!recognised) throw Error(ErrorKind::not_a_store, path_ + ": is not a bbolt file");
    metas_[0] = decode_meta(data_, meta_faults_[0]);
    if (metas_[0]) {
        metas_[1] = decode_meta(from(data_, metas_[0]->page_size), meta_faults_[1]);
    } else {
        // The first meta does not tell the page size: the second one stands at it.
        std::string_view fault;
        for (std::size_t size = k_min_page_size; size <= k_max_page_size && !metas_[1]; size *= 2) {
            metas_[1] = decode_meta(from(data_, size), fault);
            if (metas_[1] && metas_[1]->page_size != size) metas_[1].reset();
        }
        if (!metas_[1]) meta_faults_[1] = "no page size from 1 KiB on shows a valid one";
    }
    if (metas_[0] && metas_[1] && metas_[1]->page_size != metas_[0]->page_size) {
        metas_[1].reset();
        meta_faults_[1] = "its page size is not the one it stands at";
    }
    if (!metas_[0] && !metas_[1]) {
        throw Error(ErrorKind::damaged, fmt::format("{}: both metas are broken (page 0: {}; page 1: {})",
                                                    path_, meta_faults_[0], meta_faults_[1]));
    }
    const bool second = metas_[1] && (!metas_[0] || metas_[1]->txid > metas_[0]->txid);
    meta_ = second ? *metas_[1] : *metas_[0];
    if (bytes_.size() % meta_.page_size == k_digest_bytes)
        data_ = bytes_.substr(0, bytes_.size() - k_digest_bytes);
    if (meta_.high_water.value() > pages() && length == Length::any) meta_.high_water = PageId{pages()};
    if (meta_.high_water.value() > pages()) {
        throw Error(
            ErrorKind::damaged,
            fmt::format("{}: is cut short: its newest meta speaks of {} pages of {} bytes, the file has {}",
                        path_, group_digits(meta_.high_water.value()), meta_.page_size,
                        group_digits(pages())));
    }
}

std::optional<std::uint64_t> File::stored_free_pages() const try {
    if (meta_.freelist == k_no_freelist) return std::nullopt;
    const std::string_view bytes = page_bytes(meta_.freelist);
    if (load_u16(bytes.data() + 8) != k_freelist_page) return std::nullopt;
    const std::uint64_t count = load_u16(bytes.data() + 10);
    // Pages above the high-water mark were never used; the freelist does not name them.
    return (count == 0xFFFF ? load_u64(bytes.data() + k_page_header) : count) + pages() -
           meta_.high_water.value();
} catch (const PageError&) {
    return std::nullopt;
}

std::optional<std::vector<PageId>> File::freelist() const try {
    if (meta_.freelist == k_no_freelist) return std::nullopt;
    const std::string_view bytes = page_bytes(meta_.freelist);
    if (load_u16(bytes.data() + 8) != k_freelist_page) return std::nullopt;
    const bool large = load_u16(bytes.data() + 10) == 0xFFFF;
    const std::uint64_t count = large ? load_u64(bytes.data() + k_page_header) : load_u16(bytes.data() + 10);
    const std::string_view ids = bytes.substr(k_page_header + (large ? 8 : 0));
    if (count > ids.size() / 8) return std::nullopt;
    std::vector<PageId> free;
    free.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) free.emplace_back(load_u64(ids.data() + 8 * i));
    check_readable();
    return free;
} catch (const PageError&) {
    return std::nullopt;
}

bool File::digest_matches() const {
    const bool matches = has_digest() && sha256(data_) == bytes_.substr(data_.size());
    check_readable();
    return matches;
}

bool File::digest_is_cut() const {
    const std::size_t stray = stray_bytes();
    if (has_digest() || stray == 0 || stray > k_digest_bytes) return false;
    const std::string_view pages = data_.substr(0, data_.size() - stray);
    const bool cut = sha256(pages).starts_with(data_.substr(pages.size()));
    check_readable();
    return cut;
}

std::string File::length_fault() const {
    const std::uint64_t stray = stray_bytes();
    if (stray == 0) return {};
    const std::string size = fmt::format("{} and {}", many(pages(), "page"), many(stray, "byte"));
    if (digest_is_cut())
        return fmt::format("a snapshot cut short in the SHA-256 at its end: {} of {} are there", size,
                           k_digest_bytes);
    return fmt::format(
        "{} long, neither whole pages nor a snapshot's pages and {} bytes of SHA-256: it is cut short, or "
        "something stands behind it",
        size, k_digest_bytes);
}

std::string File::lost_transaction() const {
    if (metas_[0] && metas_[1]) return {};
    const std::size_t broken = metas_[0] ? 1 : 0;
    // The two metas are of transactions that follow one another. What a broken one says of itself is believed
    // only where it says that nothing is missing.
    const std::string_view page = from(data_, broken * meta_.page_size);
    const bool older = meta_.txid > 0 && page.size() >= k_page_header + k_meta_bytes &&
                       load_u64(page.data() + k_page_header + 48) == meta_.txid - 1;
    if (older) {
        return fmt::format("as of transaction {}; the meta of the one before is unreadable (page {}: {})",
                           meta_.txid, broken, meta_faults_[broken]);
    }
    return fmt::format("as of transaction {}; transaction {} is unreadable (page {}: {})", meta_.txid,
                       meta_.txid + 1, broken, meta_faults_[broken]);
}

bool File::changed() const noexcept {
    for (std::size_t i = 0; i < 2; ++i) {
        std::string_view fault;
        const auto now = decode_meta(from(data_, i * meta_.page_size), fault);
        if (now && now->txid > meta_.txid) return true;
    }
    return false;
}

void File::check_readable() const {
    if (!map_.lost()) return;
    throw Error(
        ErrorKind::io,
        path_ + ": a part of it could not be read: it was cut short while it was read, or its disk fails");
}

std::string_view File::page_bytes(PageId id) const {
    if (id.value() < 2 || id >= meta_.high_water) {
        throw PageError(
            path_, id,
            fmt::format("is referred to, but pages run from 2 to {}", meta_.high_water.value() - 1));
    }
    const std::string_view rest = data_.substr(id.value() * meta_.page_size);
    const std::uint64_t stored = load_u64(rest.data());
    check_readable();
    if (stored != id.value()) throw PageError(path_, id, fmt::format("carries the id {}", stored));
    const std::uint64_t span = std::uint64_t{load_u32(rest.data() + 12)} + 1;
    if (span > meta_.high_water.value() - id.value()) {
        throw PageError(path_, id, fmt::format("reaches over {} pages, behind the last one", span));
    }
    return rest.substr(0, span * meta_.page_size);
}

Page File::page(PageId id) const {
    const Page page(id, page_bytes(id));
    const std::string fault = page.fault();
    check_readable();
    if (!fault.empty()) throw PageError(path_, id, fault);
    return page;
}

Page File::inline_page(const Bucket& bucket) const {
    if (bucket.inline_page.size() < k_page_header) {
        throw PageError(path_, bucket.within, "holds an inline bucket that is too short");
    }
    const Page page(bucket.within, bucket.inline_page);
    std::string fault = page.fault(Page::Padding::none);
    if (fault.empty() && !page.leaf()) fault = "is not a leaf";
    if (!fault.empty()) throw PageError(path_, bucket.within, "holds an inline bucket that " + fault);
    return page;
}

Bucket File::decode_bucket(std::string_view value, PageId within) const {
    if (value.size() < k_bucket_header) throw PageError(path_, within, "holds a bucket that is too short");
    return {PageId{load_u64(value.data())}, value.substr(k_bucket_header), load_u64(value.data() + 8),
            within};
}

std::optional<Bucket> File::bucket(std::string_view name) const {
    Cursor cursor(*this, root());
    if (!cursor.seek(name) || cursor.key() != name) return std::nullopt;
    // Left aside, all that is in it would be missing without a word.
    if (!cursor.is_bucket()) {
        throw PageError(
            path_, cursor.page(),
            fmt::format("element {} is marked as no bucket, but named {}", cursor.position(), name));
    }
    return decode_bucket(cursor.value(), cursor.page());
}

}  // namespace kvctl::bbolt
