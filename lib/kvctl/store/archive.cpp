#include "kvctl/store/archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/bbolt/format.hpp"
#include "kvctl/dqlite/folder.hpp"
#include "kvctl/store/history_file.hpp"
#include "kvctl/store/sqlite/connection.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

constexpr std::size_t k_depth = 4;  // archives in archives

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

struct FreeArchive {
    void operator()(archive* a) const noexcept { ::archive_read_free(a); }
};
using ArchiveReader = std::unique_ptr<archive, FreeArchive>;

[[noreturn]] void fail_on(const std::string& path, archive* reader) {
    const char* const what = ::archive_error_string(reader);
    throw Error(ErrorKind::damaged, fmt::format("{}: the archive is broken: {}", path,
                                                what != nullptr ? printable(what) : "it cannot be read"));
}

ArchiveReader open_reader(const std::string& path, int fd, bool members) {
    ArchiveReader reader(::archive_read_new());
    if (reader == nullptr) throw std::bad_alloc();
    const auto check = [&](int rc) {
        if (rc != ARCHIVE_OK) fail_on(path, reader.get());
    };
    for (const auto enable : {archive_read_support_filter_gzip, archive_read_support_filter_zstd,
                              archive_read_support_filter_xz, archive_read_support_filter_bzip2,
                              archive_read_support_filter_lz4, archive_read_support_format_raw})
        check(enable(reader.get()));
    if (members) {
        check(::archive_read_support_format_tar(reader.get()));
        check(::archive_read_support_format_zip_seekable(reader.get()));
    }
    check(::archive_read_open_fd(reader.get(), fd, std::size_t{1} << 16));
    return reader;
}

// One pass over an archive: the stores in it, the first of them unpacked.
class Pass {
  public:
    Pass(const std::string& path, int fd, const std::optional<std::string>& member)
        : path_(path), member_(member), reader_(open_reader(path, fd, true)) {}

    Fd run() {
        archive_entry* entry = nullptr;
        for (;;) {
            check_interrupt();
            const int rc = ::archive_read_next_header(reader_.get(), &entry);
            if (rc == ARCHIVE_EOF) break;
            if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) fail();
            take(entry);
        }
        if (names_.size() + folders_.size() > 1) {
            std::string list;
            for (const std::string& name : names_) list += (list.empty() ? "" : ", ") + escape(name);
            for (const std::string& name : folders_) list += (list.empty() ? "" : ", ") + escape(name);
            throw usage_error(
                fmt::format("{}: holds several stores; say which with --member NAME: {}", path_, list));
        }
        if (!folders_.empty()) {
            throw Error(
                ErrorKind::refused,
                fmt::format("{}: holds a dqlite directory, {}: unpack the archive and name the folder", path_,
                            escape(*folders_.begin())));
        }
        if (names_.empty()) {
            throw Error(ErrorKind::not_a_store,
                        member_ ? fmt::format("{}: holds no store of the name {}", path_, escape(*member_))
                                : path_ + ": an archive that holds no store");
        }
        for (const std::string& part : parts_) {
            if (part != names_.front() + "-wal" && part != names_.front() + "-journal") continue;
            throw Error(ErrorKind::refused, fmt::format("{}: holds {} beside the store, which is a part of "
                                                        "it: unpack the archive into a folder and name that",
                                                        path_, escape(part)));
        }
        return std::move(file_);
    }

  private:
    [[noreturn]] void fail() const { fail_on(path_, reader_.get()); }

    // The content of the current entry, `begin` first; false at its end.
    bool next_block(std::string_view& block, std::uint64_t& at) {
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int rc = ::archive_read_data_block(reader_.get(), &data, &size, &offset);
        if (rc == ARCHIVE_EOF) return false;
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) fail();
        block = {static_cast<const char*>(data), size};
        at = static_cast<std::uint64_t>(offset);
        return true;
    }

    void take(archive_entry* entry) {
        if (::archive_entry_filetype(entry) != AE_IFREG) return;
        const char* const stored = ::archive_entry_pathname(entry);
        const std::string name = stored != nullptr ? stored : "";
        // What SQLite keeps beside a store is a part of it, whichever store is asked for.
        const bool empty = ::archive_entry_size_is_set(entry) != 0 && ::archive_entry_size(entry) == 0;
        if (!empty && (name.ends_with("-wal") || name.ends_with("-journal"))) parts_.push_back(name);
        if (dqlite::is_dqlite_file(base_name(name))) {
            const std::string folder = name.substr(0, name.size() - base_name(name).size());
            if (!member_ || folder == *member_ || folder == *member_ + "/")
                folders_.insert(folder.empty() ? "./" : folder);
            return;
        }
        const bool raw = ::archive_format(reader_.get()) == ARCHIVE_FORMAT_RAW;
        if (member_ && !raw && name != *member_ && base_name(name) != *member_) return;
        std::string begin;
        std::string_view block;
        std::uint64_t at = 0;
        bool more = true;
        bool behind_hole = false;  // `block` is the next one
        while (begin.size() < k_store_start && (more = next_block(block, at))) {
            if (at > k_store_start) {
                behind_hole = true;
                break;
            }
            begin.resize(at, '\0');
            begin.append(block);
        }
        const std::string_view first = std::string_view(begin).substr(0, k_store_start);
        // A zip is read by the directory at its end, which lists all that is in it.
        if (raw && ::archive_filter_code(reader_.get(), 0) == ARCHIVE_FILTER_NONE &&
            first.starts_with("PK\x03\x04"))
            throw Error(ErrorKind::damaged,
                        path_ + ": the archive is broken: a zip without the directory at its end");
        if (!looks_like_store(first) && !looks_like_archive(first) && !(raw && looks_like_history(first))) {
            if (raw && more) skip();
            return;
        }
        names_.push_back(name);
        if (names_.size() > 1) return;
        file_ = unnamed_file(folder_);
        room_ = free_bytes(folder_);
        write(begin, 0);
        std::uint64_t end = begin.size();
        if (behind_hole) {
            write(block, at);
            end = at + block.size();
        }
        while (more && (more = next_block(block, at))) {
            check_interrupt();
            write(block, at);
            end = at + block.size();
        }
        if (::ftruncate(file_.get(), static_cast<off_t>(end)) != 0)
            throw io_error(folder_, "cannot write a temporary file", errno);
    }

    // A compressed file is only known to be whole at its end.
    void skip() {
        std::string_view block;
        std::uint64_t at = 0;
        while (next_block(block, at)) check_interrupt();
    }

    void write(std::string_view bytes, std::uint64_t at) {
        if (at + bytes.size() > room_) {
            throw Error(ErrorKind::no_space, fmt::format("{}: unpacked it needs more than the {} bytes that "
                                                         "are free in {} (TMPDIR names another folder)",
                                                         path_, group_digits(room_), folder_));
        }
        if (const int error = write_all(file_.get(), bytes, at); error != 0)
            throw io_error(folder_, "cannot write a temporary file", error);
    }

    const std::string& path_;
    const std::optional<std::string>& member_;
    std::string folder_ = temporary_folder();
    std::uint64_t room_ = 0;
    ArchiveReader reader_;
    std::vector<std::string> names_;  // of the stores found
    std::set<std::string> folders_;   // dqlite directories, whose files are no stores
    std::vector<std::string> parts_;  // of -wal and -journal files
    Fd file_;                         // the first of them
};

std::string begin_of(int fd) {
    std::string bytes(512, '\0');
    const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
}

}  // namespace

bool looks_like_archive(std::string_view first) noexcept {
    constexpr std::array<std::string_view, 6> k_magic{
        std::string_view("\x1f\x8b", 2),         std::string_view("\x28\xb5\x2f\xfd", 4),
        std::string_view("\xfd\x37zXZ\0", 6),    std::string_view("BZh", 3),
        std::string_view("\x04\x22\x4d\x18", 4), std::string_view("PK\x03\x04", 4)};
    for (const std::string_view magic : k_magic) {
        if (first.starts_with(magic)) return true;
    }
    constexpr std::size_t k_ustar = 257;
    return first.size() > k_ustar + 5 && first.substr(k_ustar, 5) == "ustar";
}

bool is_archive(const std::string& real_path) {
    struct stat st {};
    return ::stat(real_path.c_str(), &st) == 0 && S_ISREG(st.st_mode) &&
           looks_like_archive(read_start(real_path, 512));
}

bool is_packed_history(const std::string& real_path) {
    if (!is_archive(real_path)) return false;
    const Fd fd(::open(real_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) throw io_error(real_path, "cannot open", errno);
    const ArchiveReader reader = open_reader(real_path, fd.get(), false);
    archive_entry* entry = nullptr;
    if (::archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) return false;
    std::string begin(std::size_t{1} << 16, '\0');
    const la_ssize_t n = ::archive_read_data(reader.get(), begin.data(), begin.size());
    return n > 0 && looks_like_history(std::string_view(begin).substr(0, static_cast<std::size_t>(n)));
}

Unpacked::Unpacked(const std::string& path, const std::optional<std::string>& member) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) throw io_error(path, "cannot open", errno);
    std::size_t depth = 0;
    for (; depth < k_depth && looks_like_archive(begin_of(fd.get())); ++depth) {
        if (::lseek(fd.get(), 0, SEEK_SET) != 0) throw io_error(path, "cannot read", errno);
        fd = Pass(path, fd.get(), member).run();
    }
    if (depth == k_depth)
        throw Error(ErrorKind::not_a_store, path + ": holds archives in archives and no store");
    path_ = path_of(fd.get());
    fd_ = std::move(fd);
}

}  // namespace kvctl::store
