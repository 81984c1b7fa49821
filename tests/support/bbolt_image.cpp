#include "tests/support/bbolt_image.hpp"

#include <algorithm>
#include <filesystem>

#include "kvctl/bbolt/format.hpp"
#include "kvctl/mvcc/revision.hpp"

namespace kvctl::test {
namespace {

std::string little(std::uint64_t v, int bytes) {
    std::string s;
    for (int i = 0; i < bytes; ++i, v >>= 8) s.push_back(static_cast<char>(v & 0xFF));
    return s;
}

std::string header(std::uint64_t id, std::uint16_t flags, std::size_t count, std::uint64_t overflow) {
    return le64(id) + le16(flags) + le16(count) + le32(overflow);
}

}  // namespace

std::string le16(std::uint64_t v) {
    return little(v, 2);
}
std::string le32(std::uint64_t v) {
    return little(v, 4);
}
std::string le64(std::uint64_t v) {
    return little(v, 8);
}
std::string be64(std::uint64_t v) {
    std::string s = le64(v);
    std::reverse(s.begin(), s.end());
    return s;
}

void patch(std::string& image, std::size_t at, const std::string& bytes) {
    image.replace(at, bytes.size(), bytes);
}

void seal_meta(std::string& image, std::size_t page, std::size_t page_size) {
    const std::size_t at = page * page_size + bbolt::k_page_header;
    patch(image, at + 56, le64(bbolt::fnv1a(std::string_view(image).substr(at, 56))));
}

std::string BboltImage::page_image(const std::vector<Item>& items, bool leaf) {
    std::string table;
    std::string data;
    const std::size_t data_at = 16 + 16 * items.size();
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Item& item = items[i];
        const std::size_t pos = data_at + data.size() - (16 + 16 * i);
        if (leaf) {
            table += le32(item.flags) + le32(pos) + le32(item.key.size()) + le32(item.value.size());
            data += item.key + item.value;
        } else {
            table += le32(pos) + le32(item.key.size()) + le64(item.child);
            data += item.key;
        }
    }
    return header(0, leaf ? bbolt::k_leaf_page : bbolt::k_branch_page, items.size(), 0) + table + data;
}

std::uint64_t BboltImage::place(const std::string& image) {
    const std::uint64_t id = pages_.size();
    const std::size_t span = (image.size() + page_size - 1) / page_size;
    std::string bytes = image;
    bytes.resize(span * page_size);
    patch(bytes, 0, le64(id));
    patch(bytes, 12, le32(span - 1));
    heads_.push_back(id);
    for (std::size_t i = 0; i < span; ++i) pages_.push_back(bytes.substr(i * page_size, page_size));
    return id;
}

std::vector<BboltImage::Item> BboltImage::write_level(const std::vector<Item>& items, bool leaf) {
    std::vector<Item> parents;
    std::size_t i = 0;
    do {
        std::vector<Item> page;
        std::size_t size = 16;
        while (i < items.size()) {
            const std::size_t more = 16 + items[i].key.size() + (leaf ? items[i].value.size() : 0);
            const bool full = size + more > page_size || (max_elements != 0 && page.size() == max_elements);
            if (full && page.size() >= (leaf ? 1U : 2U)) break;
            size += more;
            page.push_back(items[i++]);
        }
        const std::uint64_t id = place(page_image(page, leaf));
        parents.push_back({page.empty() ? "" : page.front().key, "", 0, id});
    } while (i < items.size());
    return parents;
}

std::uint64_t BboltImage::write_tree(const std::vector<Item>& items) {
    std::vector<Item> level = write_level(items, true);
    while (level.size() > 1) level = write_level(level, false);
    return level.front().child;
}

std::string BboltImage::build() {
    pages_.assign(2 + free_pages, std::string(page_size, '\0'));
    heads_.clear();
    roots_.clear();
    std::vector<Item> names;
    for (const auto& [name, rows] : buckets) {
        std::vector<Item> items;
        std::size_t size = 16;
        for (const auto& [key, value] : rows) {
            items.push_back({key, value, 0, 0});
            size += 16 + key.size() + value.size();
        }
        const bool stands_inline = size <= page_size / 4;
        const std::uint64_t root = stands_inline ? 0 : write_tree(items);
        roots_[name] = root;
        names.push_back({name, le64(root) + le64(0) + (stands_inline ? page_image(items, true) : ""),
                         bbolt::k_bucket_leaf, 0});
    }
    root_ = write_tree(names);
    if (store_freelist) {
        std::string ids;
        for (std::size_t i = 0; i < free_pages; ++i) ids += le64(2 + i);
        freelist_ = place(header(0, bbolt::k_freelist_page, free_pages, 0) + ids);
    }
    const std::uint64_t high_water = pages_.size();
    for (const std::uint64_t t : {txid - 1, txid}) {
        const std::uint64_t page = t % 2;
        std::string meta = le32(bbolt::k_magic) + le32(bbolt::k_version) + le32(page_size) + le32(0) +
                           le64(root_) + le64(0) +
                           le64(store_freelist ? freelist_ : bbolt::k_no_freelist.value()) +
                           le64(high_water) + le64(t);
        meta += le64(bbolt::fnv1a(meta));
        patch(pages_[page], 0, header(page, bbolt::k_meta_page, 0, 0) + meta);
    }
    std::string file;
    for (const std::string& page : pages_) file += page;
    file.resize(file.size() + unused_pages * page_size);
    return file;
}

std::vector<std::uint64_t> BboltImage::pages_with(std::uint16_t flags) const {
    std::vector<std::uint64_t> ids;
    for (const std::uint64_t id : heads_) {
        if (bbolt::load_u16(pages_[id].data() + 8) == flags) ids.push_back(id);
    }
    return ids;
}

BboltImage etcd_image(const std::vector<mvcc::Record>& records, std::size_t page_size) {
    BboltImage image;
    image.page_size = page_size;
    for (const char* name : {"alarm", "auth", "cluster", "key", "lease", "members", "meta"})
        image.buckets[name];
    for (const mvcc::Record& r : records) {
        std::string value;
        mvcc::append_key_value(value, r);
        image.buckets["key"][std::string(mvcc::EncodedRevision(r.revision, r.tombstone).bytes())] = value;
    }
    image.buckets["meta"]["consistent_index"] = be64(77);
    return image;
}

BboltImage etcd_image(const naive::Store& history) {
    std::vector<mvcc::Record> rows;
    for (const auto& [revision, row] : history.rows()) {
        mvcc::Record& r = rows.emplace_back();
        r.revision = revision;
        r.tombstone = row.tombstone;
        r.key = row.key;
        r.create_revision = row.create_revision;
        r.version = row.version;
        r.value = row.value;
    }
    return etcd_image(rows);
}

TempFile::TempFile(const std::string& bytes, const std::string& name) : path_(dir_.file(name)) {
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
    write_file(path_, bytes);
}

}  // namespace kvctl::test
