#include "kvctl/dqlite/image.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"

namespace kvctl::dqlite {
namespace {

// SQLite has no more pages than that; a number from a damaged command must not become a size.
constexpr std::uint64_t k_most_pages = 0xFFFFFFFE;
constexpr std::size_t k_page_count_at = 28;  // in the header on page 1
constexpr std::uint64_t k_mode_at = 18;
constexpr std::uint64_t k_lock_bytes = std::uint64_t{1} << 30;

}  // namespace

Image::Image(std::string name)
    : name_(std::move(name)), folder_(temporary_folder()), fd_(unnamed_file(folder_)) {}

std::string Image::path() const {
    return path_of(fd_.get());
}

bool Image::take(std::uint64_t page, std::size_t bytes) {
    if (page_size_ == 0) page_size_ = static_cast<std::uint32_t>(bytes);
    if (page_size_ == 0 || bytes % page_size_ != 0) return false;
    const std::uint64_t count = bytes / page_size_;
    if (page == 0 || count == 0 || page > limit_ || count > limit_ + 1 - page || limit_ > k_most_pages)
        return false;
    for (std::uint64_t behind = pages_.size() + 1; behind < page + count; ++behind) {
        pages_.push_back(holds_locks(behind));
        if (!pages_.back()) ++missing_;
    }
    for (std::uint64_t i = page - 1; i < page - 1 + count; ++i) {
        if (!pages_[i]) --missing_;
        pages_[i] = true;
    }
    return true;
}

void Image::write_at(std::uint64_t at, std::string_view content) const {
    if (const int error = write_all(fd_.get(), content, at); error != 0)
        throw io_error(folder_, "cannot write the database's pages there ($TMPDIR chooses another folder)",
                       error);
}

bool Image::write(std::uint64_t page, std::string_view content) {
    if (!take(page, content.size())) return false;
    write_at((page - 1) * page_size_, content);
    return true;
}

bool Image::put(std::uint64_t page, std::string_view content) {
    if ((page_size_ != 0 && content.size() != page_size_) || !take(page, content.size())) return false;
    waiting_.insert_or_assign(page, content);
    return true;
}

void Image::flush() {
    std::vector<std::uint64_t> pages;
    pages.reserve(waiting_.size());
    for (const auto& [page, content] : waiting_) pages.push_back(page);
    std::sort(pages.begin(), pages.end());
    for (const std::uint64_t page : pages) write_at((page - 1) * page_size_, waiting_.find(page)->second);
    waiting_.clear();
}

bool Image::holds_locks(std::uint64_t page) const noexcept {
    return page == k_lock_bytes / page_size_ + 1;
}

bool Image::commit() {
    if (pages_.empty() || !pages_[0]) return false;
    std::array<unsigned char, 4> size{};
    if (const auto first = waiting_.find(1); first != waiting_.end()) {
        std::memcpy(size.data(), first->second.data() + k_page_count_at, size.size());
    } else if (::pread(fd_.get(), size.data(), size.size(), k_page_count_at) !=
               static_cast<ssize_t>(size.size())) {
        return false;
    }
    const std::uint64_t count = be32(size.data());
    if (count == 0 || count > pages_.size()) return false;
    if (count < pages_.size()) {
        missing_ -= static_cast<std::uint64_t>(
            std::count(pages_.begin() + static_cast<std::ptrdiff_t>(count), pages_.end(), false));
        pages_.resize(count);
        std::erase_if(waiting_, [&](const auto& p) { return p.first > count; });
        if (::ftruncate(fd_.get(), static_cast<off_t>(bytes())) != 0)
            throw io_error(folder_, "cannot cut a temporary file short", errno);
    }
    return missing_ == 0;
}

void Image::set_wal_mode(bool wal) {
    write_at(k_mode_at, std::string(2, static_cast<char>(wal ? 2 : 1)));
}

}  // namespace kvctl::dqlite
