#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

class BboltStore;

/// Counters of table `meta` by name.
using Meta = std::vector<std::pair<std::string, std::int64_t>>;

/// Any store as a native one would hold it: its rows, leases and counters under the native names.
///
/// A kine store's rows get a version, counted through each life of a key (from 2 where the row that created
/// it is gone); its compact revision becomes scheduled and finished. Gap rows and the compact row are left
/// out; where one of them holds the current revision, scheduled and finished are raised to it, since nothing
/// else would keep it.
///
/// Memory grows with revisions and keys (as Store::load's does), never with values.
class Conversion {
  public:
    /// Reads the store once, without values. Throws damaged where a row could not be taken over.
    Conversion(Store& store, Progress* progress);

    [[nodiscard]] const Meta& meta() const noexcept { return meta_; }
    [[nodiscard]] const std::vector<Lease>& leases() const noexcept { return leases_; }
    [[nodiscard]] MainRevision current() const noexcept { return current_; }
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

  private:
    void survey(Progress* progress);
    void take_bbolt();
    void take_versions(BboltStore& db);
    void take_kine(MainRevision last_row);
    void each_kine(const std::function<void(const mvcc::Record&)>& f);
    void each_bbolt(const std::function<void(const mvcc::Record&)>& f);

    Store& store_;
    Meta meta_;
    std::vector<Lease> leases_;
    MainRevision current_{1};
    std::uint64_t bytes_ = 0;
    std::optional<std::uint64_t> rows_;
    Findings findings_;
    std::vector<std::string> warnings_;
};

}  // namespace kvctl::store
