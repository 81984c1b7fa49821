#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/mapped_file.hpp"
#include "kvctl/bbolt/format.hpp"
#include "kvctl/bbolt/page.hpp"

namespace kvctl::bbolt {

/// A bucket: a tree of pages, or, when it is small, one leaf page inside its parent's value.
struct Bucket {
    PageId root;                   ///< 0: inline
    std::string_view inline_page;  ///< header and elements; a view into the file
    std::uint64_t sequence = 0;
    PageId within;  ///< the page whose element this is
};

/// A bbolt file mapped for reading. Nothing is written, and no file appears beside it. All views handed out
/// live as long as the File.
///
/// While it is open, the file's shared lock is held, as bbolt's own read-only mode does, so that a server
/// cannot start in the meantime. If a server runs already, the lock is not to be had: the file is read all
/// the same, and locked() says that what was read may be torn. Who holds a lock on the file through another
/// descriptor, or wants none, says Lock::none.
class File {
  public:
    enum class Lock { shared, none };
    /// Whether a file that ends before the page that its newest meta counts last is refused, or read as if
    /// the pages ended there.
    enum class Length { whole, any };

    /// Throws: `io`; `not_a_store` when the file is empty or neither meta shows the magic number; `damaged`
    /// when both metas are broken, or the file is shorter than the newest one says.
    /// Messages call it `name` where one is given.
    explicit File(const std::string& path, Lock lock = Lock::shared, const std::string& name = {},
                  Length length = Length::whole);
    ~File();
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// With the digest of a snapshot file.
    [[nodiscard]] std::uint64_t file_bytes() const noexcept { return bytes_.size(); }
    /// Without it.
    [[nodiscard]] std::string_view data() const noexcept { return data_; }
    [[nodiscard]] std::uint64_t page_size() const noexcept { return meta_.page_size; }
    /// Whole pages in the file, used or not.
    [[nodiscard]] std::uint64_t pages() const noexcept { return data_.size() / meta_.page_size; }

    /// The meta that holds: valid, with the larger transaction id.
    [[nodiscard]] const Meta& meta() const noexcept { return meta_; }
    /// Both metas as found, by page; nullopt for a broken one, and why in meta_fault().
    [[nodiscard]] const std::array<std::optional<Meta>, 2>& metas() const noexcept { return metas_; }
    [[nodiscard]] std::string_view meta_fault(std::size_t page) const noexcept { return meta_faults_[page]; }
    /// Where one meta is broken, what that means, in a sentence: which transaction is read, and which is not.
    /// Empty when both are sound.
    [[nodiscard]] std::string lost_transaction() const;

    /// A snapshot file carries the SHA-256 of its pages behind them.
    [[nodiscard]] bool has_digest() const noexcept { return data_.size() != bytes_.size(); }
    /// Reads the whole file.
    [[nodiscard]] bool digest_matches() const;
    /// Bytes behind the last whole page, the digest of a snapshot not counted; a sound file has none.
    [[nodiscard]] std::uint64_t stray_bytes() const noexcept { return data_.size() % meta_.page_size; }
    /// What stray bytes mean, in a sentence; empty when there are none. May read the whole file.
    [[nodiscard]] std::string length_fault() const;

    /// Pages that the freelist names or that were never used; nullopt when none is stored (etcd's normal
    /// case) or it cannot be read.
    [[nodiscard]] std::optional<std::uint64_t> stored_free_pages() const;
    /// The pages that a sound stored freelist names; nullopt as above.
    [[nodiscard]] std::optional<std::vector<PageId>> freelist() const;

    /// Another process held the exclusive lock when the file was opened.
    [[nodiscard]] bool locked() const noexcept { return locked_; }
    /// A transaction was committed since the file was opened.
    [[nodiscard]] bool changed() const noexcept;
    /// Throws `io` when a part of the file could not be read through the map: whatever was taken from it
    /// since may be zeros. Pages and the end of a walk are checked so; who stops in between calls it.
    void check_readable() const;

    /// The page with this id, checked (Page::fault). Throws PageError.
    [[nodiscard]] Page page(PageId id) const;
    /// Header checks only: the page lies in the file, carries its id and ends in the file. Throws PageError.
    [[nodiscard]] std::string_view page_bytes(PageId id) const;
    /// The one page of an inline bucket. Throws PageError.
    [[nodiscard]] Page inline_page(const Bucket& bucket) const;

    /// The bucket that holds the others.
    [[nodiscard]] Bucket root() const noexcept { return {meta_.root, {}, meta_.sequence, {}}; }
    /// A bucket of the root by name; nullopt when there is none. Throws PageError.
    [[nodiscard]] std::optional<Bucket> bucket(std::string_view name) const;
    /// Reads the value of an element that is marked as a bucket, on page `within`. Throws PageError.
    [[nodiscard]] Bucket decode_bucket(std::string_view value, PageId within) const;

  private:
    /// The stray bytes are the beginning of the digest.
    [[nodiscard]] bool digest_is_cut() const;
    void map();
    void choose_meta(Length length);

    std::string path_;
    int fd_ = -1;
    bool locked_ = false;
    MappedFile map_;
    std::string_view bytes_;
    std::string_view data_;
    Meta meta_;
    std::array<std::optional<Meta>, 2> metas_;
    std::array<std::string_view, 2> meta_faults_;
};

}  // namespace kvctl::bbolt
