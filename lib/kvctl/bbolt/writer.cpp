#include "kvctl/bbolt/writer.hpp"

#include <array>
#include <cassert>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/bbolt/tree_size.hpp"

namespace kvctl::bbolt {
namespace {

template <std::size_t N>
void put(std::string& out, std::uint64_t v) {
    std::array<char, N> raw;
    for (std::size_t i = 0; i < N; ++i) raw[i] = static_cast<char>(v >> (8 * i) & 0xFF);
    out.append(raw.data(), N);
}
void put_u16(std::string& out, std::uint64_t v) {
    put<2>(out, v);
}
void put_u32(std::string& out, std::uint64_t v) {
    put<4>(out, v);
}
void put_u64(std::string& out, std::uint64_t v) {
    put<8>(out, v);
}

std::string page_header(PageId id, std::uint16_t flags, std::uint64_t count, std::uint64_t pages) {
    std::string out;
    put_u64(out, id.value());
    put_u16(out, flags);
    put_u16(out, count);
    put_u32(out, pages - 1);
    return out;
}

std::string meta_page(PageId id, const Meta& meta) {
    std::string out = page_header(id, k_meta_page, 0, 1);
    put_u32(out, k_magic);
    put_u32(out, k_version);
    put_u32(out, meta.page_size);
    put_u32(out, 0);
    put_u64(out, meta.root.value());
    put_u64(out, meta.sequence);
    put_u64(out, meta.freelist.value());
    put_u64(out, meta.high_water.value());
    put_u64(out, meta.txid);
    put_u64(out, fnv1a(std::string_view(out).substr(k_page_header)));
    out.resize(meta.page_size);
    return out;
}

}  // namespace

// Appends pages to the file and numbers them.
class FileWriter::Pages {
  public:
    Pages(int fd, std::string path, std::uint64_t page_size)
        : fd_(fd), path_(std::move(path)), page_size_(page_size) {
        buffer_.reserve(k_buffer + page_size);
        buffer_.resize(3 * page_size);  // metas and freelist come last
        next_ = PageId{3};
    }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t page_size() const noexcept { return page_size_; }
    [[nodiscard]] PageId next() const noexcept { return next_; }

    // A page of `pages` page sizes, its header first, then the parts.
    PageId place(std::uint16_t flags, const PageFill& fill, std::string_view table, std::string_view data,
                 std::string_view large) {
        const PageId id = next_;
        write(page_header(id, flags, fill.count(), fill.pages()));
        write(table);
        write(data);
        write(large);
        assert(k_page_header + table.size() + data.size() + large.size() == fill.bytes());
        pad(fill.pages() * page_size_ - fill.bytes());
        next_ = PageId{next_.value() + fill.pages()};
        return id;
    }

    void finish(const FileHead& head, PageId root) {
        flush();
        Meta meta;
        meta.page_size = static_cast<std::uint32_t>(page_size_);
        meta.root = root;
        meta.sequence = head.root_sequence;
        meta.freelist = PageId{2};
        meta.high_water = next_;
        for (std::uint64_t i = 1; i <= 2; ++i) {
            meta.txid = head.txid + i;
            const PageId id{meta.txid % 2};
            write_at(meta_page(id, meta), id.value() * page_size_);
        }
        std::string freelist = page_header(PageId{2}, k_freelist_page, 0, 1);
        freelist.resize(page_size_);
        write_at(freelist, 2 * page_size_);
    }

  private:
    static constexpr std::size_t k_buffer = std::size_t{1} << 20;

    void write(std::string_view bytes) {
        if (buffer_.size() + bytes.size() > k_buffer) flush();
        if (bytes.size() >= k_buffer) {
            write_out(bytes);
        } else {
            buffer_.append(bytes);
        }
    }
    void pad(std::uint64_t n) {
        if (buffer_.size() + n > k_buffer) flush();
        buffer_.append(n, '\0');
    }
    void flush() {
        write_out(buffer_);
        buffer_.clear();
    }
    void write_out(std::string_view bytes) {
        write_at(bytes, at_);
        at_ += bytes.size();
    }
    void write_at(std::string_view bytes, std::uint64_t at) const {
        if (const int error = write_all(fd_, bytes, at); error != 0)
            throw io_error(path_, "cannot write", error);
    }

    int fd_;
    std::string path_;
    std::uint64_t page_size_;
    std::string buffer_;
    std::uint64_t at_ = 0;
    PageId next_;
};

// One bucket's tree. The same steps as TreeSize's, with bytes.
class FileWriter::Tree {
  public:
    Tree(Pages& pages, bool root) : pages_(&pages), may_inline_(!root) {
        levels_.emplace_back(pages.page_size(), true);
    }

    void add(std::string_view key, std::string_view value, bool bucket) {
        Level& leaves = levels_.front();
        if (any_ && key <= last_key_) {
            throw Error(ErrorKind::damaged,
                        pages_->path() + ": a key of a bucket does not follow the one before it");
        }
        any_ = true;
        last_key_.assign(key);
        if (bucket) may_inline_ = false;
        if (!leaves.fill.takes(key.size() + value.size())) emit(0, {});
        Level& l = levels_.front();
        if (l.fill.count() == 0) l.first_key.assign(key);
        l.add_leaf(key, value.size(), bucket ? k_bucket_leaf : 0);
        // A large value goes to the file as it stands; nothing can follow it on its page.
        if (l.fill.full()) {
            emit(0, value);
        } else {
            l.data.append(value);
        }
    }

    // What the parent's element holds.
    [[nodiscard]] std::string finish(std::uint64_t sequence) {
        Level& leaves = levels_.front();
        std::string value;
        if (may_inline_ && leaves.emitted == 0 && leaves.fill.fits_inline()) {
            put_u64(value, 0);
            put_u64(value, sequence);
            value += page_header(PageId{0}, k_leaf_page, leaves.fill.count(), 1);
            value += leaves.table(true);
            value += leaves.data;
            return value;
        }
        put_u64(value, root().value());
        put_u64(value, sequence);
        return value;
    }

    [[nodiscard]] PageId root() {
        for (std::size_t i = 0;; ++i) {
            assert(i < levels_.size());
            if (levels_[i].fill.count() != 0 || levels_[i].emitted == 0) emit(i, {});
            if (levels_[i].emitted == 1) return levels_[i].first_emitted.second;
        }
    }

  private:
    struct Slot {
        std::uint32_t flags;
        std::uint32_t key;
        std::uint64_t value;  // its size, on a branch the child
    };
    struct Level {
        Level(std::uint64_t page_size, bool is_leaf) : fill(page_size, is_leaf) {}

        void add_leaf(std::string_view key, std::uint64_t value_bytes, std::uint32_t flags) {
            fill.add(key.size() + value_bytes);
            slots.push_back({flags, static_cast<std::uint32_t>(key.size()), value_bytes});
            data.append(key);
        }
        void add_branch(std::string_view key, PageId child) {
            fill.add(key.size());
            slots.push_back({0, static_cast<std::uint32_t>(key.size()), child.value()});
            data.append(key);
        }
        // All element headers; keys and values follow in the same order without a gap.
        [[nodiscard]] std::string table(bool leaf) const {
            std::string out;
            out.reserve(slots.size() * k_element);
            std::uint64_t pos = slots.size() * k_element;
            for (const Slot& s : slots) {
                if (leaf) {
                    put_u32(out, s.flags);
                    put_u32(out, pos);
                    put_u32(out, s.key);
                    put_u32(out, s.value);
                } else {
                    put_u32(out, pos);
                    put_u32(out, s.key);
                    put_u64(out, s.value);
                }
                // `pos` counts from the element's own header.
                pos += s.key + (leaf ? s.value : 0) - k_element;
            }
            return out;
        }

        PageFill fill;
        std::vector<Slot> slots;
        std::string data;
        std::string first_key;
        std::uint64_t emitted = 0;
        std::pair<std::string, PageId> first_emitted;
    };

    void add_child(std::size_t level, std::string_view key, PageId child) {
        if (level == levels_.size()) levels_.emplace_back(pages_->page_size(), false);
        if (!levels_[level].fill.takes(key.size())) emit(level, {});
        Level& l = levels_[level];
        if (l.fill.count() == 0) l.first_key.assign(key);
        l.add_branch(key, child);
    }

    void emit(std::size_t level, std::string_view large) {
        Level& l = levels_[level];
        const PageId id = pages_->place(level == 0 ? k_leaf_page : k_branch_page, l.fill, l.table(level == 0),
                                        l.data, large);
        l.fill.clear();
        l.slots.clear();
        l.data.clear();
        std::string key = std::move(l.first_key);
        l.first_key.clear();
        if (++l.emitted == 1) {
            l.first_emitted = {std::move(key), id};
            return;
        }
        const auto before = l.first_emitted;
        const bool second = l.emitted == 2;  // `l` may move from here on
        if (second) add_child(level + 1, before.first, before.second);
        add_child(level + 1, key, id);
    }

    Pages* pages_;
    bool may_inline_;
    bool any_ = false;
    std::string last_key_;
    std::vector<Level> levels_;
};

struct FileWriter::Open {
    std::string name;
    std::uint64_t sequence;
    Tree tree;
};

FileWriter::FileWriter(int fd, std::string path, const FileHead& head)
    : pages_(std::make_unique<Pages>(fd, std::move(path), head.page_size)), head_(head) {
    open_.push_back({"", head.root_sequence, Tree(*pages_, true)});
}

FileWriter::~FileWriter() = default;

void FileWriter::begin_bucket(std::string_view name, std::uint64_t sequence) {
    open_.push_back({std::string(name), sequence, Tree(*pages_, false)});
}

void FileWriter::add(std::string_view key, std::string_view value) {
    open_.back().tree.add(key, value, false);
}

void FileWriter::end_bucket() {
    assert(open_.size() > 1);
    Open done = std::move(open_.back());
    open_.pop_back();
    const std::string value = done.tree.finish(done.sequence);
    open_.back().tree.add(done.name, value, true);
}

std::uint64_t FileWriter::finish() {
    assert(open_.size() == 1);
    pages_->finish(head_, open_.front().tree.root());
    return pages_->next().value() * head_.page_size;
}

}  // namespace kvctl::bbolt
