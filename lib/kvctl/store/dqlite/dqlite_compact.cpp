#include <unistd.h>

#include <cerrno>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/failure.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/dqlite/new_folder.hpp"
#include "kvctl/store/sqlite/space.hpp"
#include "kvctl/store/temp_file.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {
namespace {

constexpr std::uint64_t k_other_files = std::uint64_t{64} << 10;

// Kine's, but for the way it is carried out: always anew, into another directory.
class DqliteModel final : public CompactionModel {
  public:
    explicit DqliteModel(std::unique_ptr<CompactionModel> kine) : kine_(std::move(kine)) {}

    [[nodiscard]] Strategy strategy(const mvcc::CompactionPlan& /*plan*/, bool /*shrink*/) const override {
        return Strategy::rewrite;
    }
    [[nodiscard]] std::optional<std::uint64_t> file_bytes(const mvcc::CompactionPlan& plan,
                                                          const Outcome& outcome) override {
        return kine_->file_bytes(plan, outcome);
    }
    [[nodiscard]] std::vector<SpaceNeeds> space_needs(const mvcc::CompactionPlan& plan,
                                                      const DiskWork& work) const override {
        std::vector<SpaceNeeds> needs = kine_->space_needs(plan, work);
        if (!work.output) return needs;
        // The database stays while it is packed, which may gain nothing, and while it is read back.
        needs.push_back(
            {work.result_bytes + work.result_bytes / 200 + k_other_files, folder_of(*work.output)});
        needs.push_back({work.result_bytes, temporary_folder()});
        return needs;
    }
    void check_copyable() const override { kine_->check_copyable(); }
    [[nodiscard]] std::vector<std::uint32_t> old_value_bytes(const mvcc::CompactionPlan& plan) override {
        return kine_->old_value_bytes(plan);
    }
    [[nodiscard]] std::vector<std::string> warnings(const StoreHead& head, const mvcc::CompactionPlan& plan,
                                                    bool works) override {
        return kine_->warnings(head, plan, works);
    }

  private:
    std::unique_ptr<CompactionModel> kine_;
};

// What a copy of the pages would hide.
bool is_sound(const sqlite::Database& db) {
    sqlite::Statement s = db.prepare("PRAGMA integrity_check(1)");
    const bool sound = s.step() && s.bytes(0) == "ok";
    if (!sound) sqlite::throw_unless_fault(db.path(), s.bytes(0));
    return sound;
}

}  // namespace

const Traits& DqliteStore::traits() const noexcept {
    static const Traits k_traits = [this] {
        Traits traits = KineStore::traits();
        traits.in_place = false;
        traits.journal = false;
        traits.live = false;
        traits.names_cluster = true;
        return traits;
    }();
    return k_traits;
}

std::unique_ptr<CompactionModel> DqliteStore::model(const mvcc::TreeIndex& index) {
    return std::make_unique<DqliteModel>(KineStore::model(index));
}

void DqliteStore::write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                  const Execution& execution, const std::string& output) {
    expect_new(output);
    check_new_folder(*state_, database(), execution.voter);
    const DqliteLock lock(state_->folder.path, timeout_ms_);
    if (!dqlite::unchanged(state_->folder)) {
        throw Error(ErrorKind::in_use,
                    info().path + ": a node changed it since it was read; stop the node and run again");
    }
    const TempFile database_file(output);
    copy_compacted(database_file, index, plan, execution);
    {
        const StoreInfo made = inspect_file(database_file.path(), database_file.path());
        if (!is_sound(open_for_reading(made, 0).db)) {
            throw Error(
                ErrorKind::damaged,
                fmt::format("{}: what was compacted of it fails SQLite's integrity check; nothing was "
                            "written ({} tells more)",
                            info().path, command_on(info().path, "check")));
        }
    }
    (void)write_new_folder(*state_, {output, database_file.path(), database(), execution.voter});
}

void DqliteStore::write_database(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                 const Execution& execution, const std::string& output) {
    expect_new(output);
    TempFile file(output);
    copy_compacted(file, index, plan, execution);
    file.sync();
    check_interrupt();
    file.publish_as_new(output);
}

void DqliteStore::copy_database(const std::string& output) {
    if (!is_sound(db())) {
        throw Error(
            ErrorKind::damaged,
            fmt::format("{}: the database in it is damaged; {} tells where, and {} takes what can be read",
                        info().path, command_on(info().path, "check"),
                        command_on(info().path, "import --salvage -o NEW")));
    }
    expect_new(output);
    TempFile file(output);
    copy_pages(file);
    file.sync();
    check_interrupt();
    file.publish_as_new(output);
}

void DqliteStore::copy_pages(const TempFile& to) const {
    const dqlite::Image& image = state_->databases[database_];
    std::string buffer(std::size_t{1} << 20, '\0');
    for (off_t at = 0;;) {
        check_interrupt();
        const ssize_t n = ::pread(image.descriptor(), buffer.data(), buffer.size(), at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw io_error(info().path, "cannot read its pages back", errno);
        if (n == 0) return;
        if (at == 0 && n > 19) buffer[18] = buffer[19] = 1;  // a file of its own has no log beside it
        const std::string_view read = std::string_view(buffer).substr(0, static_cast<std::size_t>(n));
        if (const int error = write_all(to.descriptor(), read, static_cast<std::uint64_t>(at)); error != 0)
            throw io_error(to.path(), "cannot write the copy", error);
        at += n;
    }
}

}  // namespace kvctl::store
