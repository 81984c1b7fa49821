#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/store.hpp"
#include "kvctl/store/target.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// Builds a new native store (kvctl-store(5)), streaming: records go straight into the file, which takes its
/// name only when it is complete.
class NativeWriter final : public Target {
  public:
    struct Options {
        bool key_index = false;   ///< an index by key, for reading one key without a scan
        bool raft_table = false;  ///< a raft_entry table
        std::uint32_t page_size = 16384;
    };

    /// `path` must not exist when finish() is called.
    NativeWriter(std::string path, const Options& options);

    /// Records should ascend by revision. Throws damaged when one repeats, maybe some rows later.
    void add(const mvcc::Record& record) override;
    void add(const Lease& lease) override;
    void set_meta(std::string_view name, std::int64_t value) override;
    [[nodiscard]] bool takes_log() const noexcept override { return true; }
    void add_raft_entry(std::uint64_t index, std::uint64_t term, std::int64_t type,
                        std::optional<std::string_view> data) override;
    /// Completes, syncs and names the file. Throws refused when the name is taken.
    void finish() override;

  private:
    void insert_waiting();

    std::string path_;
    Options options_;
    TempFile file_;
    EarlySync early_{file_};
    sqlite::Database db_;
    std::optional<sqlite::Statement> insert_;
    int waiting_ = 0;  // rows bound to it
    std::size_t waiting_bytes_ = 0;
    std::optional<sqlite::Statement> insert_entry_;
};

/// Builds a native store of what the plan leaves of a store of any layout, its counters included.
void write_survivors(Store& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                     const std::string& output);

/// The tables of an empty native store, in `db`.
void create_native_tables(const sqlite::Database& db, bool raft_table);

}  // namespace kvctl::store
