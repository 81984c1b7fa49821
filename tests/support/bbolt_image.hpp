#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kvctl/mvcc/record.hpp"
#include "tests/support/naive_store.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::test {

/// Writes bbolt files for tests, page by page, and knows where it put what, so that a test can damage one
/// thing.
class BboltImage {
  public:
    using Rows = std::map<std::string, std::string>;

    std::size_t page_size = 4096;
    std::uint64_t txid = 11;  ///< of the winning meta; the other one is the transaction before
    bool store_freelist = false;
    std::size_t free_pages = 0;    ///< pages between the metas and the data that belong to nobody
    std::size_t unused_pages = 0;  ///< behind the high-water mark
    std::size_t max_elements = 0;  ///< elements a leaf or branch takes at most; 0: what fits
    std::map<std::string, Rows> buckets;

    /// The file's bytes. Small buckets stand inline, as bbolt writes them.
    [[nodiscard]] std::string build();

    // After build():
    [[nodiscard]] std::uint64_t pages() const noexcept { return pages_.size(); }
    [[nodiscard]] std::uint64_t root() const noexcept { return root_; }
    [[nodiscard]] std::uint64_t freelist() const noexcept { return freelist_; }
    /// First page of a bucket's tree; 0: inline.
    [[nodiscard]] std::uint64_t root_of(const std::string& bucket) const { return roots_.at(bucket); }
    /// Pages with these flags, without those inside another page's span, ascending.
    [[nodiscard]] std::vector<std::uint64_t> pages_with(std::uint16_t flags) const;
    /// Byte offset of element `i`'s record in page `id`.
    [[nodiscard]] std::size_t element_at(std::uint64_t id, std::size_t i) const {
        return id * page_size + 16 + 16 * i;
    }

  private:
    struct Item {
        std::string key;
        std::string value;
        std::uint32_t flags = 0;
        std::uint64_t child = 0;
    };
    std::uint64_t write_tree(const std::vector<Item>& items);
    std::vector<Item> write_level(const std::vector<Item>& items, bool leaf);
    std::uint64_t place(const std::string& image);
    static std::string page_image(const std::vector<Item>& items, bool leaf);

    std::vector<std::string> pages_;
    std::vector<std::uint64_t> heads_;  // ids of pages that are not overflow
    std::map<std::string, std::uint64_t> roots_;
    std::uint64_t root_ = 0;
    std::uint64_t freelist_ = 0;
};

/// Integers as they stand in the file.
[[nodiscard]] std::string le16(std::uint64_t v);
[[nodiscard]] std::string le32(std::uint64_t v);
[[nodiscard]] std::string le64(std::uint64_t v);
[[nodiscard]] std::string be64(std::uint64_t v);
/// Overwrites bytes in place.
void patch(std::string& image, std::size_t at, const std::string& bytes);
/// Recomputes the checksum of the meta on page 0 or 1.
void seal_meta(std::string& image, std::size_t page, std::size_t page_size);

/// An image with etcd's buckets and these records; `image.buckets` may be changed before build().
[[nodiscard]] BboltImage etcd_image(const std::vector<mvcc::Record>& records, std::size_t page_size = 4096);
/// The same of a whole history.
[[nodiscard]] BboltImage etcd_image(const naive::Store& history);

/// A file in a fresh folder that goes away with this object.
class TempFile {
  public:
    explicit TempFile(const std::string& bytes, const std::string& name = "db");
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::string folder() const { return dir_.path().string(); }

  private:
    TempDir dir_;
    std::string path_;
};

}  // namespace kvctl::test
