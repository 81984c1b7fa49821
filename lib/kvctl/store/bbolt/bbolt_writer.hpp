#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/bbolt/writer.hpp"
#include "kvctl/store/target.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// Builds an etcd db of the rows, leases and compact revision of something else, or a snapshot, which has a
/// SHA-256 behind it. Of the counters only the compact revision goes into bucket "meta": the others belong to
/// a WAL that the new file does not have (etcd.md 11.1). Memory grows with leases.
class BboltWriter final : public Target {
  public:
    BboltWriter(std::string path, bool snapshot);

    void add(const mvcc::Record& record) override;
    void add(const Lease& lease) override;
    void set_meta(std::string_view name, std::int64_t value) override;
    void finish() override;

  private:
    std::string path_;
    bool snapshot_;
    TempFile file_;
    bbolt::FileWriter writer_;
    std::string message_;  // of the row being written
    std::map<std::uint64_t, std::string> leases_;
    std::optional<std::int64_t> scheduled_;
    std::optional<std::int64_t> finished_;
};

}  // namespace kvctl::store
