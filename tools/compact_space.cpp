#include "tools/compact_space.hpp"

#include <array>

#include "tools/sizes.hpp"

namespace kvctl::cli {
namespace {

// Batches to offer, the first that fits: more than these gain nothing, fewer take for ever.
constexpr std::array<std::int64_t, 8> k_batches{10000, 5000, 2000, 1000, 500, 200, 100, 20};

store::DiskWork work_of(const Decision& d, const CompactOptions& options, bool vacuums_in_place) {
    store::DiskWork work;
    work.deletes = d.works();
    work.strategy = d.strategy;
    work.batch = options.batch;
    work.shrinks =
        options.vacuum && d.may_shrink() && !(work.deletes && d.strategy == store::Strategy::rewrite);
    work.vacuums_in_place = vacuums_in_place;
    work.result_bytes = d.shrunk_bytes.value_or(0);
    if (d.raft_compact_to && d.log) work.raft_bytes = d.log->after.removed_bytes.value_or(0);
    work.clears_old_values = d.old_values.has_value();
    work.backup = options.backup;
    work.output = options.output;
    return work;
}

// The other ways to do it, each with what it needs where it goes.
class WaysOut {
  public:
    WaysOut(const store::SqliteStore& store, const Decision& d, const CompactOptions& options,
            const store::DiskWork& work)
        : store_(store), d_(d), options_(options), work_(work) {}

    void find() {
        if (work_.output) {
            elsewhere();
            return;
        }
        if (work_.deletes) {
            batches();
            if (work_.strategy == store::Strategy::in_place && !work_.vacuums_in_place && !work_.batch)
                copy();
        }
        elsewhere();
    }
    [[nodiscard]] std::string text() const { return text_; }
    [[nodiscard]] const std::vector<report::WayOut>& ways() const { return ways_; }

  private:
    void add(const std::vector<std::string>& without, const std::string& more, std::uint64_t needs,
             bool elsewhere) {
        ways_.push_back({options_.command_with(without, more), needs, elsewhere});
        text_ += (text_.empty() ? "; ways out: '" : ", '") + more +
                 (elsewhere ? "' on another disk needs " : "' needs ") + format_bytes(needs) +
                 (elsewhere ? " on it" : "");
    }
    // Of the work beside a backup, which can go elsewhere: what it needs here, if that is there.
    [[nodiscard]] std::optional<std::uint64_t> fits(const store::DiskWork& work) const {
        const auto needs = store::space_needs(store_, d_.index, d_.plan, work);
        if (store::find_shortage(needs, store_.info(), true)) return std::nullopt;
        std::uint64_t sum = 0;
        for (const store::SpaceNeeds& n : needs) sum += n.bytes;
        return sum;
    }
    void batches() {
        store::DiskWork work = work_;
        work.strategy = store::Strategy::in_place;
        work.shrinks = false;
        work.backup.reset();
        for (const std::int64_t n : k_batches) {
            if (work_.batch && n >= *work_.batch) continue;
            work.batch = n;
            const auto needs = fits(work);
            if (!needs) continue;
            add(k_how, "--batch " + std::to_string(n) + backup(), *needs, false);
            return;
        }
    }
    void copy() {
        store::DiskWork work = work_;
        work.strategy = store::Strategy::rewrite;
        work.shrinks = false;
        work.backup.reset();
        if (const auto needs = fits(work)) add(k_how, "--strategy rewrite" + backup(), *needs, false);
    }
    void elsewhere() {
        std::vector<std::string> without = k_how;
        without.emplace_back("--output");
        add(without, "-o FILE", work_.result_bytes, true);
    }
    // A backup that was asked for goes to another disk.
    [[nodiscard]] std::string backup() const { return work_.backup ? " --backup FILE" : ""; }

    inline static const std::vector<std::string> k_how{"--batch", "--strategy", "--vacuum", "--backup"};
    const store::SqliteStore& store_;
    const Decision& d_;
    const CompactOptions& options_;
    const store::DiskWork& work_;
    std::string text_;
    std::vector<report::WayOut> ways_;
};

}  // namespace

std::string shortage_text(const store::Shortage& s) {
    return "needs " + format_bytes_exact(s.needs) + " free in " + s.folder + ", which has " +
           format_bytes_exact(s.has);
}

std::optional<SpaceRefusal> look_for_space(const store::SqliteStore& store, const Decision& d,
                                           const CompactOptions& options, bool vacuums_in_place) {
    const store::DiskWork work = work_of(d, options, vacuums_in_place);
    const auto shortage =
        store::find_shortage(store::space_needs(store, d.index, d.plan, work), store.info(), !work.output);
    if (!shortage) return std::nullopt;
    WaysOut ways(store, d, options, work);
    ways.find();
    return SpaceRefusal{
        options.output.value_or(store.info().path) + ": " + shortage_text(*shortage) + ways.text(),
        ways.ways()};
}

bool needs_checkpoint(const store::SqliteStore& store, const Decision& d, const CompactOptions& options,
                      bool vacuums_in_place) {
    if (store.info().wal_bytes == 0 || options.output) return false;
    const store::DiskWork work = work_of(d, options, vacuums_in_place);
    return store::find_shortage(store::space_needs(store, d.index, d.plan, work), store.info(), false)
        .has_value();
}

}  // namespace kvctl::cli
