#include "kvctl/store/sqlite/page_check.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/sqlite/holders.hpp"

namespace kvctl::store {
namespace {

[[noreturn]] void fail(const StoreInfo& info, const std::string& what) {
    throw Error(
        ErrorKind::damaged,
        fmt::format("{}: {}; nothing was changed ({} tells more; the same with -o NEW copies what can be "
                    "read)",
                    info.path, what, command_on(info.path, "check")));
}

// Each page of a file, and whether it has a use.
class Pages {
  public:
    Pages(const StoreInfo& info, std::uint64_t count) : info_(info), used_(count + 1) {}

    void use(std::int64_t page) {
        const auto n = static_cast<std::uint64_t>(page);
        if (n == 0 || n >= used_.size())
            fail(info_, fmt::format("page {} is named, and there are {}", page, used_.size() - 1));
        if (used_[n]) fail(info_, fmt::format("page {} has two uses", page));
        used_[n] = true;
    }
    // Those that hold no content.
    void reserve(bool pointer_maps) {
        const std::uint64_t locked = sqlite::lock_page(info_.page_size);
        if (locked < used_.size()) used_[locked] = true;
        if (!pointer_maps) return;
        const std::uint64_t step = info_.usable_size() / 5 + 1;
        for (std::uint64_t n = 2; n < used_.size(); n += step) used_[n == locked ? n + 1 : n] = true;
    }

  private:
    const StoreInfo& info_;
    std::vector<bool> used_;
};

// A trunk page: the next one, the number of leaves, the leaves.
class FreeList {
  public:
    FreeList(const StoreInfo& info, const SourceFile& file)
        : info_(info), file_(file), page_(info.page_size) {}

    void use(Pages& pages, std::uint64_t expected) {
        std::uint64_t seen = 0;
        read(1);
        for (std::uint32_t trunk = number(32); trunk != 0; trunk = number(0)) {
            pages.use(trunk);
            read(trunk);
            const std::uint32_t leaves = number(4);
            if (leaves > info_.usable_size() / 4 - 2) fail(info_, "the list of free pages is damaged");
            for (std::uint32_t i = 0; i < leaves; ++i) pages.use(number(8 + std::size_t{4} * i));
            seen += std::uint64_t{1} + leaves;
        }
        if (seen != expected)
            fail(info_,
                 fmt::format("the list of free pages holds {} where the header counts {}", seen, expected));
    }

  private:
    void read(std::uint32_t page) {
        const auto at = static_cast<::off_t>(std::uint64_t{page - 1} * info_.page_size);
        const ::ssize_t n = read_at(file_.descriptor(), page_.data(), page_.size(), at);
        if (n < 0) throw io_error(info_.path, "cannot read", errno);
        if (static_cast<std::size_t>(n) < page_.size())
            fail(info_, fmt::format("the file ends inside page {}", page));
    }
    [[nodiscard]] std::uint32_t number(std::size_t at) const { return be32(&page_[at]); }

    const StoreInfo& info_;
    const SourceFile& file_;
    std::vector<unsigned char> page_;
};

}  // namespace

void check_pages(const sqlite::Database& db, const StoreInfo& info, const SourceFile& file) {
    const auto count = static_cast<std::uint64_t>(db.integer("PRAGMA page_count").value_or(0));
    struct stat st {};
    if (::fstat(file.descriptor(), &st) != 0) throw io_error(info.path, "cannot read its size", errno);
    if (count > static_cast<std::uint64_t>(st.st_size) / info.page_size)
        fail(info, fmt::format("it counts {} pages, more than the file has", count));
    Pages pages(info, count);
    pages.reserve(info.auto_vacuum);
    db.scan("pageno, pagetype", "dbstat", {}, [&](const sqlite::Values& page) {
        pages.use(page[0].integer());
        if (page[1].bytes() == "corrupted")
            fail(info, fmt::format("page {} cannot be read", page[0].integer()));
    });
    const auto free = static_cast<std::uint64_t>(db.integer("PRAGMA freelist_count").value_or(0));
    FreeList(info, file).use(pages, free);
}

}  // namespace kvctl::store
