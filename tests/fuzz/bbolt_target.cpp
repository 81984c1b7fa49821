#include "tests/fuzz/bbolt_target.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/bbolt/check.hpp"
#include "kvctl/store/bbolt.hpp"

namespace kvctl::test {
namespace {

// Only a kvctl Error may come out of `f`; the `internal` kind would be a broken promise.
template <class F>
bool survives(F f) {
    try {
        f();
        return true;
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::internal) throw;
        return false;
    }
}

class MemoryFile {
  public:
    explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("bbolt", MFD_CLOEXEC)) {
        while (fd_ >= 0 && !bytes.empty()) {
            const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n <= 0) std::abort();
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        if (fd_ < 0) std::abort();
    }
    ~MemoryFile() { ::close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};

}  // namespace

bool read_as_bbolt(std::string_view bytes) {
    const MemoryFile file(bytes);
    survives([&] {
        const bbolt::File opened(file.path());
        Findings findings;
        bbolt::check_structure(opened, findings, nullptr);
    });
    return survives([&] {
        store::BboltStore store(file.path());
        survives([&] { (void)store.head(); });
        survives([&] { (void)store.leases(); });
        survives([&] { (void)store.meta(); });
        for (const auto& rules : {mvcc::classic_rules(), mvcc::keep_at_rev_rules()}) {
            survives([&] {
                Findings findings;
                const mvcc::TreeIndex index = store.load(rules, findings, nullptr);
                for (const mvcc::KeyId id : index.sorted_keys()) (void)index.key_index(id).generations();
                const mvcc::Slot last = index.last_slot();
                if (last == mvcc::k_no_slot) return;
                (void)store.record(index.revision(last));
                (void)store.record(index.revision(0));
            });
        }
        survives([&] {
            std::size_t total = 0;
            store.each_record(MainRevision{0}, MainRevision{INT64_MAX},
                              [&](const mvcc::Record& r) { total += r.key.size() + r.value.size(); });
            // Data of one page never overlaps, so a file cannot stand for more than it holds.
            if (total > bytes.size()) std::abort();
        });
        survives(
            [&] { store.each_record(MainRevision{100}, MainRevision{200}, [](const mvcc::Record&) {}); });
    });
}

}  // namespace kvctl::test
