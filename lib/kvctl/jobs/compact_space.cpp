#include "kvctl/jobs/compact_space.hpp"

#include <array>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/live_pace.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::jobs {
namespace {

// Batches to offer, the first that fits: more than these gain nothing, fewer take for ever.
constexpr std::array<std::int64_t, 8> k_batches{10000, 5000, 2000, 1000, 500, 200, 100, 20};

store::DiskWork work_of(const Decision& d, const CompactRequest& request, bool keeps_file) {
    const Steps steps = d.steps(request.vacuum);
    store::DiskWork work;
    work.deletes = steps.works;
    work.strategy = d.strategy;
    // Beside a server in transactions of the size that the run begins with.
    work.batch = request.live ? request.batch.value_or(store::LivePace::k_largest) : request.batch;
    work.shrinks = steps.shrinks;
    work.keeps_file = keeps_file;
    work.result_bytes = d.shrunk_bytes.value_or(0);
    if (d.raft_compact_to && d.log) work.raft_bytes = d.log->after.removed_bytes.value_or(0);
    work.clears_old_values = d.old_values.has_value();
    work.backup = request.backup;
    work.output = request.output;
    return work;
}

// A store of another layout takes at least what its rows do; the model knows the store's own.
std::vector<store::SpaceNeeds> needs_of(const Decision& d, const store::DiskWork& work) {
    if (d.converted_bytes) return {{*d.converted_bytes, store::folder_of(*work.output)}};
    return d.model->space_needs(d.plan, work);
}

// The other ways to do it, each with what it needs where it goes.
class WaysOut {
  public:
    /// `folder`: the output is one.
    WaysOut(const store::StoreInfo& info, const Decision& d, const store::DiskWork& work,
            const store::Shortage& shortage, bool folder)
        : info_(info), d_(d), work_(work), shortage_(shortage), output_(folder ? "-o NEWDIR" : "-o FILE") {}

    void find() {
        if (work_.deletes && !work_.output) {
            batches();
            if (work_.strategy == store::Strategy::in_place && !work_.keeps_file && !work_.batch) copy();
        }
        if (work_.output)
            output_elsewhere();
        else
            add(output_, work_.result_bytes, true);
    }
    [[nodiscard]] std::string text() const { return text_; }
    [[nodiscard]] const std::vector<report::WayOut>& ways() const { return ways_; }

  private:
    void add(const std::string& instead, std::uint64_t needs, bool elsewhere) {
        report::WayOut way;
        way.instead = instead;
        way.needs = needs;
        way.elsewhere = elsewhere;
        ways_.push_back(std::move(way));
        const char* const lead = text_.empty() ? "; ways out:" : ",";
        text_ += elsewhere ? fmt::format("{} '{}' on another disk needs {} on it", lead, instead,
                                         format_bytes(needs))
                           : fmt::format("{} '{}' needs {}", lead, instead, format_bytes(needs));
    }
    // Of the work beside a backup, which can go elsewhere: what it needs here, if that is there.
    [[nodiscard]] std::optional<std::uint64_t> fits(const store::DiskWork& work) const {
        const auto needs = d_.model->space_needs(d_.plan, work);
        if (store::find_shortage(needs, info_, true)) return std::nullopt;
        std::uint64_t sum = 0;
        for (const store::SpaceNeeds& n : needs) sum += n.bytes;
        return sum;
    }
    [[nodiscard]] store::DiskWork without_extras() const {
        store::DiskWork work = work_;
        work.shrinks = false;
        work.backup.reset();
        return work;
    }
    // All that stands beside the output while it is made goes along; what stands in $TMPDIR does not.
    void output_elsewhere() {
        std::uint64_t there = 0;
        std::uint64_t elsewhere = 0;
        std::string folder;
        for (const store::SpaceNeeds& n : needs_of(d_, work_)) {
            const bool beside = n.folder == store::folder_of(*work_.output);
            (beside ? there : elsewhere) += n.bytes;
            if (!beside) folder = n.folder;
        }
        if (elsewhere > store::free_bytes(folder.empty() ? shortage_.folder : folder)) {
            text_ += fmt::format("; {} of it may stand on another disk, which TMPDIR names",
                                 format_bytes(elsewhere));
        } else {
            add(output_, there, true);
        }
    }
    void batches() {
        store::DiskWork work = without_extras();
        work.strategy = store::Strategy::in_place;
        for (const std::int64_t n : k_batches) {
            if (work_.batch && n >= *work_.batch) continue;
            work.batch = n;
            const auto needs = fits(work);
            if (!needs) continue;
            add(fmt::format("--batch {}{}", n, backup()), *needs, false);
            return;
        }
    }
    void copy() {
        store::DiskWork work = without_extras();
        work.strategy = store::Strategy::rewrite;
        if (const auto needs = fits(work)) add("--strategy rewrite" + backup(), *needs, false);
    }
    // A backup that was asked for goes to another disk.
    [[nodiscard]] std::string backup() const { return work_.backup ? " --backup FILE" : ""; }

    const store::StoreInfo& info_;
    const Decision& d_;
    const store::DiskWork& work_;
    const store::Shortage& shortage_;
    const char* output_;
    std::string text_;
    std::vector<report::WayOut> ways_;
};

}  // namespace

std::string shortage_text(const store::Shortage& s) {
    return fmt::format("needs {} free in {}, which has {}", format_bytes_exact(s.needs), s.folder,
                       format_bytes_exact(s.has));
}

std::optional<SpaceRefusal> look_for_space(const store::Store& store, const Decision& d,
                                           const CompactRequest& request, bool keeps_file) {
    const store::StoreInfo& info = store.info();
    const store::DiskWork work = work_of(d, request, keeps_file);
    const auto shortage = store::find_shortage(needs_of(d, work), info, !work.output);
    if (!shortage) return std::nullopt;
    // Of a dqlite directory another one is made, unless its database alone is asked for.
    WaysOut ways(info, d, work, *shortage, store.traits().names_cluster && !request.to);
    ways.find();
    return SpaceRefusal{
        fmt::format("{}: {}{}", request.output.value_or(info.path), shortage_text(*shortage), ways.text()),
        ways.ways()};
}

bool needs_room_of_wal(const store::StoreInfo& info, const Decision& d, const CompactRequest& request,
                       bool keeps_file) {
    if (info.wal_bytes == 0 || request.output) return false;
    const store::DiskWork work = work_of(d, request, keeps_file);
    return store::find_shortage(d.model->space_needs(d.plan, work), info, false).has_value();
}

}  // namespace kvctl::jobs
