#include "kvctl/store/bbolt/rebuild.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/bbolt/check.hpp"
#include "kvctl/bbolt/sha256.hpp"
#include "kvctl/bbolt/writer.hpp"
#include "kvctl/mvcc/rows.hpp"
#include "kvctl/store/bbolt/bucket_changes.hpp"

namespace kvctl::store {
namespace {

std::string way_out(const BboltStore& store) {
    const std::string& path = store.info().path;
    return fmt::format("; {} names what is wrong, {} takes what can be read", command_on(path, "check"),
                       command_on(path, "import --salvage -o NEW"));
}

// All elements in the order of a walk, as one number: what was written and what is read back.
class ContentSum {
  public:
    void add(std::string_view key, std::string_view value) {
        fold({mvcc::hash_key(key), mvcc::hash_key(value)});
    }
    void begin_bucket(std::string_view name, std::uint64_t sequence) {
        fold({mvcc::hash_key(name), sequence, k_begins});
    }
    void end_bucket() { fold({k_ends}); }
    [[nodiscard]] std::uint64_t value() const noexcept { return sum_; }

  private:
    static constexpr std::uint64_t k_begins = 1;
    static constexpr std::uint64_t k_ends = 2;
    void fold(std::array<std::uint64_t, 3> numbers) {
        const std::array<std::uint64_t, 4> all{sum_, numbers[0], numbers[1], numbers[2]};
        sum_ = mvcc::hash_key({reinterpret_cast<const char*>(all.data()), sizeof all});
    }
    std::uint64_t sum_ = 0;
};

[[noreturn]] void throw_away(const BboltStore& store, const std::string& what) {
    throw Error(ErrorKind::damaged, fmt::format("{}: the new file was thrown away: {}{}", store.info().path,
                                                what, way_out(store)));
}

class Writing {
  public:
    Writing(const BboltStore& store, const RebuildChanges& changes, bbolt::FileWriter& writer,
            Progress* progress)
        : store_(store), file_(store.file()), changes_(changes), writer_(writer), progress_(progress) {
        if (!changes.compacts()) return;
        planned_ = changes.plan->kept.revisions;
        may_skip_ = store.is_whole(*changes.index);
    }

    // What it wrote.
    ContentSum run() {
        sum_.begin_bucket({}, file_.root().sequence);
        bucket(file_.root(), {}, 0);
        file_.check_readable();
        if (changes_.compacts() && rows_ != planned_)
            throw_away(store_, fmt::format("{} rows were copied where the plan keeps {}", group_digits(rows_),
                                           group_digits(planned_)));
        return sum_;
    }

  private:
    void bucket(const bbolt::Bucket& bucket, const BucketChanges& changes, std::size_t depth) {
        if (depth > bbolt::k_max_depth)
            throw bbolt::PageError(file_.path(), bucket.within, "holds a bucket nested too deep");
        each_element(file_, bucket, changes,
                     [&](const bbolt::Cursor& at, std::string_view key, std::string_view value, bool nested) {
                         if (!nested) {
                             writer_.add(key, value);
                             sum_.add(key, value);
                             if ((++done_ & 0xFFFF) == 0 && progress_ != nullptr)
                                 progress_->update("copying", done_, planned_);
                             return;
                         }
                         const bbolt::Bucket child = file_.decode_bucket(value, at.page());
                         writer_.begin_bucket(key, child.sequence);
                         sum_.begin_bucket(key, child.sequence);
                         BucketChanges inside;
                         if (depth == 0) inside = changes_of(key, changes_, &rows_);
                         if (!may_skip_) inside.next_kept = nullptr;
                         this->bucket(child, inside, depth + 1);
                         writer_.end_bucket();
                         sum_.end_bucket();
                     });
    }

    const BboltStore& store_;
    const bbolt::File& file_;
    const RebuildChanges& changes_;
    bbolt::FileWriter& writer_;
    Progress* progress_;
    ContentSum sum_;
    std::uint64_t done_ = 0;
    std::uint64_t planned_ = 0;
    std::uint64_t rows_ = 0;  // of the plan's
    bool may_skip_ = false;
};

void add_bucket(const bbolt::File& file, const bbolt::Bucket& bucket, ContentSum& sum) {
    each_element(file, bucket, {},
                 [&](const bbolt::Cursor& at, std::string_view key, std::string_view value, bool nested) {
                     if (!nested) {
                         sum.add(key, value);
                         return;
                     }
                     const bbolt::Bucket child = file.decode_bucket(value, at.page());
                     sum.begin_bucket(key, child.sequence);
                     add_bucket(file, child, sum);
                     sum.end_bucket();
                 });
}

}  // namespace

Rebuilt write_rebuilt(const BboltStore& store, const RebuildChanges& changes, int fd, const std::string& path,
                      Progress* progress) {
    const bbolt::File& file = store.file();
    bbolt::FileWriter writer(fd, path, {file.page_size(), file.meta().txid, file.meta().sequence});
    const std::uint64_t content = Writing(store, changes, writer, progress).run().value();
    return {writer.finish(), content};
}

void verify_rebuilt(const BboltStore& store, const Rebuilt& written, const std::string& path,
                    Progress* progress) {
    if (progress != nullptr) progress->update("verifying", 0, 0);
    const bbolt::File copy(path, bbolt::File::Lock::none);
    Findings findings;
    const bbolt::PageUse use = bbolt::check_structure(copy, findings, progress);
    if (!findings.empty()) throw_away(store, findings.front().what);
    if (use.reachable != use.pages) throw_away(store, "it has pages that belong to nothing");
    ContentSum sum;
    sum.begin_bucket({}, copy.root().sequence);
    add_bucket(copy, copy.root(), sum);
    copy.check_readable();
    if (sum.value() != written.content) throw_away(store, "it holds something else than was written");
}

void append_digest(int fd, const std::string& path, std::uint64_t bytes) {
    std::string digest;
    try {
        const MappedFile map(fd, bytes, path);
        digest = bbolt::sha256(map.bytes());
        if (map.lost()) throw io_error(path, "cannot read it back", EIO);
    } catch (const std::system_error& e) {
        throw io_error(path, "cannot map", e.code().value());
    }
    if (const int error = write_all(fd, digest, bytes); error != 0)
        throw io_error(path, "cannot write", error);
}

}  // namespace kvctl::store
