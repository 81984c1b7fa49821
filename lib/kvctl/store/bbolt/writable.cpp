#include "kvctl/store/bbolt/writable.hpp"

#include <sys/stat.h>

#include <optional>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/store/one_moment.hpp"
#include "kvctl/store/replace.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

// Into a temporary file: written, read back, and closed with a digest where one is asked for.
void build(const TempFile& file, const BboltStore& store, const RebuildChanges& changes, bool digest,
           Progress* progress) {
    const EarlySync early(file);
    const Rebuilt written = write_rebuilt(store, changes, file.descriptor(), file.path(), progress);
    verify_rebuilt(store, written, file.path(), progress);
    if (digest) append_digest(file.descriptor(), file.path(), written.bytes);
}

// What the file's own messages name is a file that is gone by then.
template <class F>
void in_the_name_of(const BboltStore& store, const TempFile& file, F f) {
    const std::string& temporary = file.path();
    const std::string& path = store.info().path;
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorKind::damaged, fmt::format("{}; nothing was changed ({} names what is wrong)", what,
                                                    command_on(path, "check")));
    };
    try {
        f();
    } catch (const bbolt::PageError& e) {
        fail(fmt::format("{}: {}", bbolt::place(path, e.page()), e.fault()));
    } catch (const Error& e) {
        const std::string message = e.what();
        if (e.kind() != ErrorKind::damaged || !message.starts_with(temporary)) throw;
        fail(path + message.substr(temporary.size()));
    }
}

FileRules rules_of(const BboltStore& store) {
    const std::size_t both = static_cast<std::size_t>(store.file().page_size()) + bbolt::k_meta_bytes;
    return {FileLock::flock, {bbolt::k_page_header, both}, {}};
}

}  // namespace

void BboltStore::check_executable(Findings& /*findings*/) {
    struct stat st {};
    if (::stat(info_.real_path.c_str(), &st) != 0) throw io_error(info_.path, "cannot stat", errno);
    if (st.st_nlink <= 1) return;
    throw Error(ErrorKind::refused,
                fmt::format("{}: the file has {} names (hard links), and an etcd db is only ever "
                            "replaced by a new file; {} writes one beside it",
                            info_.path, st.st_nlink, command_on(info_.path, "compact --rev N -o NEW")));
}

BboltWritable BboltWritable::open(const std::string& path, const OpenOptions& options) {
    const std::string real_path = resolve_path(path);
    BboltWritable w;
    w.hold_ = std::make_unique<BboltHold>(path, real_path, BboltHold::Kind::exclusive, options);
    w.store_ = std::make_unique<BboltStore>(path, real_path, bbolt::File::Lock::none);
    Findings none;
    w.store_->check_executable(none);
    TempFile::remove_abandoned(real_path);
    return w;
}

void BboltWritable::backup(const std::string& to) {
    copy_to_new_file(SourceFile(store_->info().real_path), to);
}

void BboltWritable::execute(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                            Strategy /*strategy*/, std::optional<std::int64_t> /*batch*/,
                            const Execution& execution) {
    replace({&index, &plan, execution.disarm}, execution.progress);
}

void BboltWritable::shrink(Progress* progress) {
    replace({}, progress);
}

void BboltWritable::replace(const RebuildChanges& changes, Progress* progress) {
    const StoreInfo& info = store_->info();
    Replacement replacement({info.path, info.real_path, hold_->descriptor()}, rules_of(*store_));
    in_the_name_of(*store_, replacement.file(), [&] {
        build(replacement.file(), *store_, changes, store_->file().has_digest(), progress);
    });
    check_interrupt();
    store_.reset();
    try {
        replacement.commit();
    } catch (...) {
        changed_ = replacement.published();
        throw;
    }
    changed_ = true;
    close();
}

void BboltWritable::close() {
    store_.reset();
    hold_.reset();
}

void rebuild_to_output(const BboltStore& store, const RebuildChanges& changes, const std::string& output,
                       Progress* progress, std::optional<bool> digest) {
    expect_new(output);
    TempFile file(output);
    copy_one_moment(store, [&] {
        in_the_name_of(store, file, [&] {
            build(file, store, changes, digest.value_or(store.file().has_digest()), progress);
        });
    });
    file.take_rights_of(store.info().real_path);
    file.sync();
    check_interrupt();
    file.publish_as_new(output);
}

}  // namespace kvctl::store
