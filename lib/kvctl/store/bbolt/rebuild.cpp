#include "kvctl/store/bbolt/rebuild.hpp"

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/bbolt/check.hpp"
#include "kvctl/bbolt/sha256.hpp"
#include "kvctl/bbolt/writer.hpp"
#include "kvctl/store/bbolt/bucket_changes.hpp"

namespace kvctl::store {
namespace {

constexpr const char* k_way_out =
    "; 'kvctl check' names what is wrong, 'kvctl import --salvage' takes what can be read";

class Writing {
  public:
    Writing(const BboltStore& store, const RebuildChanges& changes, bbolt::FileWriter& writer,
            Progress* progress)
        : file_(store.file()), changes_(changes), writer_(writer), progress_(progress) {
        if (changes.compacts()) rows_ = changes.plan->kept.revisions;
    }

    void bucket(const bbolt::Bucket& bucket, const BucketChanges& changes, std::size_t depth) {
        if (depth > bbolt::k_max_depth)
            throw bbolt::PageError(file_.path(), bucket.within, "holds a bucket nested too deep");
        each_element(file_, bucket, changes,
                     [&](const bbolt::Cursor& at, std::string_view key, std::string_view value, bool nested) {
                         if (!nested) {
                             writer_.add(key, value);
                             if ((++done_ & 0xFFFF) == 0 && progress_ != nullptr)
                                 progress_->update("copying", done_, rows_);
                             return;
                         }
                         const bbolt::Bucket child = file_.decode_bucket(value, at.page());
                         writer_.begin_bucket(key, child.sequence);
                         this->bucket(child, depth == 0 ? changes_of(key, changes_) : BucketChanges{},
                                      depth + 1);
                         writer_.end_bucket();
                     });
    }

  private:
    const bbolt::File& file_;
    const RebuildChanges& changes_;
    bbolt::FileWriter& writer_;
    Progress* progress_;
    std::uint64_t done_ = 0;
    std::uint64_t rows_ = 0;
};

class Comparing {
  public:
    Comparing(const BboltStore& store, const RebuildChanges& changes, const bbolt::File& copy)
        : store_(store), file_(store.file()), changes_(changes), copy_(copy) {}

    void bucket(const bbolt::Bucket& want, const bbolt::Bucket& have, const BucketChanges& changes,
                std::size_t depth) {
        if (want.sequence != have.sequence) fail("a bucket's sequence is another");
        bbolt::Cursor copy(copy_, have);
        bool more = copy.first();
        each_element(file_, want, changes,
                     [&](const bbolt::Cursor& at, std::string_view key, std::string_view value, bool nested) {
                         if (!more || copy.key() != key || copy.is_bucket() != nested)
                             fail("a bucket holds other keys than it was to");
                         if (!nested && copy.value() != value) fail("a value is another");
                         if (nested) {
                             this->bucket(file_.decode_bucket(value, at.page()),
                                          copy_.decode_bucket(copy.value(), copy.page()),
                                          depth == 0 ? changes_of(key, changes_, &rows_) : BucketChanges{},
                                          depth + 1);
                         }
                         more = copy.next();
                     });
        if (more) fail("a bucket holds more keys than it was to");
    }

    void run() {
        bucket(file_.root(), copy_.root(), {}, 0);
        if (!changes_.compacts()) return;
        if (rows_ != changes_.plan->kept.revisions) {
            fail(fmt::format("{} rows were copied where the plan keeps {}", rows_,
                             changes_.plan->kept.revisions));
        }
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::damaged, fmt::format("{}: the new file was thrown away: {}{}",
                                                    store_.info().path, what, k_way_out));
    }

  private:
    const BboltStore& store_;
    const bbolt::File& file_;
    const RebuildChanges& changes_;
    const bbolt::File& copy_;
    std::uint64_t rows_ = 0;
};

}  // namespace

std::uint64_t write_rebuilt(const BboltStore& store, const RebuildChanges& changes, int fd,
                            const std::string& path, Progress* progress) {
    const bbolt::File& file = store.file();
    bbolt::FileWriter writer(fd, path, {file.page_size(), file.meta().txid, file.meta().sequence});
    Writing(store, changes, writer, progress).bucket(file.root(), {}, 0);
    file.check_readable();
    return writer.finish();
}

void verify_rebuilt(const BboltStore& store, const RebuildChanges& changes, const std::string& path,
                    Progress* progress) {
    if (progress != nullptr) progress->update("verifying", 0, 0);
    const bbolt::File copy(path, bbolt::File::Lock::none);
    Comparing comparing(store, changes, copy);
    Findings findings;
    const bbolt::PageUse use = bbolt::check_structure(copy, findings, progress);
    if (!findings.empty()) comparing.fail(findings.front().what);
    if (use.reachable != use.pages) comparing.fail("it has pages that belong to nothing");
    comparing.run();
    store.file().check_readable();
    copy.check_readable();
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
