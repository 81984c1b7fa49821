#include "kvctl/store/sqlite/space.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <unordered_map>

#include "kvctl/store/sqlite/batches.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

using mvcc::Slot;

// An index is sorted in pieces of the cache's size; one that fits needs no temporary file.
constexpr std::uint64_t k_sorted_in_a_copy = std::uint64_t{4} << 20;
constexpr std::uint64_t k_sorted_in_place = std::uint64_t{64} << 20;

// Pages that deleting some rows changes, which is what a journal or -wal takes. An upper bound in all but
// freak stores: neighbours are merged and interior pages follow, for which a half is added.
class ChangedPages {
  public:
    ChangedPages(const SqliteStore& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan)
        : store_(store), index_(index), usable_(static_cast<double>(store.info().usable_size())) {
        const auto rows = static_cast<double>(std::max<std::uint64_t>(1, plan.before.revisions));
        const double row = static_cast<double>(plan.before.bytes) / rows + 30;
        // Of a row too long for a page, the table's own tree holds the beginning alone.
        row_bytes_ = row <= usable_ ? row : usable_ / 3;
        rows_in_all_ = rows;
    }

    // Of the table and, unless they are dropped first, its indexes. `rows` ascend.
    [[nodiscard]] std::uint64_t of(std::span<const Slot> rows, bool with_indexes) const {
        if (rows.empty()) return k_always;
        double pages = spread(rows, row_bytes_);
        if (with_indexes) {
            std::unordered_map<mvcc::KeyId, std::uint64_t> by_key;
            double name_bytes = 0;
            for (const Slot s : rows) {
                const mvcc::KeyId key = index_.key_of(s);
                // Gap rows have a name each, and those stand together.
                if (key < mvcc::k_gap_key) ++by_key[key];
                name_bytes += key < mvcc::k_gap_key ? static_cast<double>(index_.key(key).size()) : 10;
            }
            name_bytes /= static_cast<double>(rows.size());
            for (const IndexInfo& i : store_.table().indexes) pages += of_index(i, rows, by_key, name_bytes);
        }
        const std::uint64_t used =
            store_.info().pages - std::min(store_.info().pages, store_.info().free_pages);
        return std::min(used, static_cast<std::uint64_t>(pages * 1.5)) + k_always;
    }

    [[nodiscard]] std::uint64_t bytes(std::uint64_t pages) const {
        return pages * (store_.info().page_size + 24);
    }

  private:
    // The header, the schema's page, roots, the free list, and what a file system adds to a file's content.
    static constexpr std::uint64_t k_always = 24;

    // Pages of a tree in revision order, `bytes` to an entry, in which the rows stand.
    [[nodiscard]] double spread(std::span<const Slot> rows, double bytes) const {
        double pages = 1;
        for (std::size_t i = 1; i < rows.size(); ++i)
            pages += std::min(1.0, static_cast<double>(rows[i] - rows[i - 1]) * bytes / usable_);
        return pages;
    }
    [[nodiscard]] double of_index(const IndexInfo& info, std::span<const Slot> rows,
                                  const std::unordered_map<mvcc::KeyId, std::uint64_t>& by_key,
                                  double name_bytes) const {
        const auto holds = [&](std::string_view c) {
            return std::any_of(info.columns.begin(), info.columns.end(),
                               [&](const std::string& x) { return same_name(x, c); });
        };
        const bool named = holds("name") || holds("key");
        const double entry = 16 + (named ? name_bytes : 0);
        const std::string& first = info.columns.front();
        if (!same_name(first, "name") && !same_name(first, "key")) return spread(rows, entry);
        double pages = 1;
        for (const auto& [key, n] : by_key) pages += 1 + static_cast<double>(n) * entry / usable_;
        return std::min(pages, 1 + 1.5 * rows_in_all_ * entry / usable_);
    }

    const SqliteStore& store_;
    const mvcc::TreeIndex& index_;
    double usable_;
    double row_bytes_ = 0;
    double rows_in_all_ = 0;
};

std::uint64_t index_bytes(const mvcc::CompactionPlan& plan, std::uint64_t result_bytes) {
    return result_bytes - std::min(result_bytes, plan.kept.bytes);
}

// What deleting in place puts into the -wal or journal at the most at one time.
std::uint64_t deletes_bytes(const SqliteStore& store, const mvcc::TreeIndex& index,
                            const mvcc::CompactionPlan& plan, const DiskWork& work) {
    const ChangedPages changed(store, index, plan);
    std::uint64_t bytes = 0;
    if (work.batch) {
        const Batches batches(index, plan, store.info().layout, *work.batch);
        for (std::size_t done = 0; done < batches.rows();) {
            const std::span<const Slot> batch = batches.from(done);
            std::vector<Slot> rows(batch.begin(), batch.end());
            std::sort(rows.begin(), rows.end());
            bytes = std::max(bytes, changed.bytes(changed.of(rows, true)));
            done += batch.size();
        }
        bytes = std::max(bytes, changed.bytes(changed.of({}, true)));
    } else {
        std::vector<Slot> rows;
        rows.reserve(plan.removed.revisions);
        index.for_each_row(0, plan.slot_end, [&](Slot s) {
            if (plan.removed_slots.contains(s)) rows.push_back(s);
        });
        const bool rebuild = !store.table().indexes.empty() && rebuilds_indexes(plan);
        bytes = changed.bytes(changed.of(rows, !rebuild));
        // Indexes built anew take pages that just fell free, and those are written.
        if (rebuild) bytes += index_bytes(plan, work.result_bytes);
    }
    if (work.clears_old_values) bytes += plan.kept.bytes;
    return bytes + work.raft_bytes;
}

// The temporary file in which the largest index is sorted.
std::optional<SpaceNeeds> sorting(const mvcc::CompactionPlan& plan, const DiskWork& work,
                                  std::uint64_t fits_memory) {
    const std::uint64_t largest = index_bytes(plan, work.result_bytes) / 2;
    if (largest <= fits_memory) return std::nullopt;
    return SpaceNeeds{largest, sqlite_temporary_folder()};
}

}  // namespace

std::string sqlite_temporary_folder() {
    // Where its unix VFS looks for one, in this order.
    const std::array<const char*, 5> places{std::getenv("SQLITE_TMPDIR"), std::getenv("TMPDIR"), "/var/tmp",
                                            "/usr/tmp", "/tmp"};
    for (const char* const place : places) {
        struct stat st {};
        if (place != nullptr && ::stat(place, &st) == 0 && S_ISDIR(st.st_mode) &&
            ::access(place, W_OK | X_OK) == 0) {
            return place;
        }
    }
    return ".";
}

std::vector<SpaceNeeds> space_needs(const SqliteStore& store, const mvcc::TreeIndex& index,
                                    const mvcc::CompactionPlan& plan, const DiskWork& work) {
    const StoreInfo& info = store.info();
    const std::string folder = folder_of(info.real_path);
    std::vector<SpaceNeeds> needs;
    const auto sort = [&](std::uint64_t fits_memory) {
        if (const auto need = sorting(plan, work, fits_memory)) needs.push_back(*need);
    };
    if (work.output) {
        needs.push_back({work.result_bytes, folder_of(*work.output)});
        sort(k_sorted_in_a_copy);
        return needs;
    }
    if (work.deletes && work.strategy == Strategy::rewrite) {
        needs.push_back({work.result_bytes, folder});
        sort(k_sorted_in_a_copy);
    } else {
        // The journal or -wal of the deletes is still there when the file is shrunk.
        if (work.deletes) {
            needs.push_back({deletes_bytes(store, index, plan, work), folder});
            if (!work.batch && rebuilds_indexes(plan)) sort(k_sorted_in_place);
        }
        if (work.shrinks) {
            // VACUUM makes a temporary copy and journals the file while that is written over it.
            if (work.keeps_file) needs.push_back({work.result_bytes, sqlite_temporary_folder()});
            needs.push_back(
                {work.keeps_file && !info.wal_mode ? info.bytes_with_wal() : work.result_bytes, folder});
        }
    }
    if (work.backup) needs.push_back({info.bytes_with_wal(), folder_of(*work.backup)});
    return needs;
}

}  // namespace kvctl::store
