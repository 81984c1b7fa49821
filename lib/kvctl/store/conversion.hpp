#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/kine/kine_limits.hpp"
#include "kvctl/store/store.hpp"
#include "kvctl/store/target.hpp"

namespace kvctl::store {

/// Counters of table `meta` by name.
using Meta = std::vector<std::pair<std::string, std::int64_t>>;

/// Any store as another layout would hold it: its rows, leases and counters, under the native names. Made by
/// Store::conversion(), a class a layout.
///
/// Memory grows with revisions and keys (as Store::load's does), never with values.
class Conversion {
  public:
    Conversion(const Conversion&) = delete;
    Conversion& operator=(const Conversion&) = delete;
    virtual ~Conversion() = default;

    [[nodiscard]] const Meta& meta() const noexcept { return meta_; }
    [[nodiscard]] const std::vector<Lease>& leases() const noexcept { return leases_; }
    /// The new store's.
    [[nodiscard]] MainRevision current() const noexcept { return current_; }
    /// Whether a record's lease is a time to live in seconds, as kine has it, and not a lease's id.
    [[nodiscard]] virtual bool leases_are_ttls() const noexcept { return false; }
    /// Leases that the rows turned out to need; complete once each() has run.
    [[nodiscard]] const std::vector<Lease>& found_leases() const noexcept { return found_leases_; }
    /// What is in the way of a kine table; nullopt for another target.
    [[nodiscard]] const std::optional<KineLimits>& limits() const noexcept { return limits_; }

    /// From here on each() hands out what the plan leaves, and meta() and current() go by its revision. Both
    /// must outlive this.
    void keep_only(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan);

    /// Both, for one who has to name them before the rows; may read the store once more.
    [[nodiscard]] virtual std::vector<Lease> all_leases() { return leases_; }

    /// Keys and values together.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// How many rows each() hands out; nullopt where some cannot be told beforehand.
    [[nodiscard]] std::optional<std::uint64_t> rows() const noexcept { return rows_; }

    /// Every row in revision order; the record is valid during the call. Throws damaged at a row that cannot
    /// be read.
    void each(const std::function<void(const mvcc::Record&)>& f, Progress* progress);

    /// What is worth knowing; complete once each() has run.
    [[nodiscard]] const Findings& findings() const noexcept { return findings_; }
    [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  protected:
    enum class Damage { refused, told };
    Conversion(Store& store, TargetKind to);

    /// Reads the store once, without values. Throws damaged where a row could not be taken over; with
    /// Damage::told only where each() would not stop at it.
    [[nodiscard]] mvcc::TreeIndex survey(Damage damage, Progress* progress);
    virtual void each_row(const std::function<void(const mvcc::Record&)>& f) = 0;

    [[nodiscard]] Store& store() const noexcept { return store_; }
    [[nodiscard]] TargetKind target() const noexcept { return to_; }
    void add_found_lease(const Lease& lease) { found_leases_.push_back(lease); }
    void set_meta(Meta meta) { meta_ = std::move(meta); }
    void add_meta(std::string name, std::int64_t value) { meta_.emplace_back(std::move(name), value); }
    void set_current(MainRevision current) noexcept { current_ = current; }
    void warn(std::string sentence) { warnings_.push_back(std::move(sentence)); }
    /// "1 row", "2 rows".
    [[nodiscard]] static std::string rows_text(std::uint64_t n);

    static constexpr MainRevision k_first{std::numeric_limits<std::int64_t>::min()};
    static constexpr MainRevision k_last{std::numeric_limits<std::int64_t>::max()};

  private:
    Store& store_;
    TargetKind to_;
    const mvcc::TreeIndex* index_ = nullptr;
    const mvcc::CompactionPlan* plan_ = nullptr;
    Meta meta_;
    std::vector<Lease> leases_;
    std::vector<Lease> found_leases_;
    std::optional<KineLimits> limits_;
    MainRevision current_{1};
    std::uint64_t bytes_ = 0;
    std::optional<std::uint64_t> rows_;
    Findings findings_;
    std::vector<std::string> warnings_;
};

}  // namespace kvctl::store
