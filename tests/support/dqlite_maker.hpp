#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kvctl/dqlite/metadata.hpp"

namespace kvctl::test {

/// Writes a data directory of dqlite's from the states that a database went through, as whole SQLite files.
/// Encodes by itself what kvctl decodes; only the configuration's encoder is shared.
class DqliteMaker {
  public:
    explicit DqliteMaker(std::string database = "k8s", std::uint64_t term = 2);

    /// The database becomes this file's content: a command with the pages that changed, or the part of them
    /// without a commit that `whole` = false leaves open.
    void commit(const std::string& sqlite_file, bool whole = true);
    /// From here on commit() is about this database, which is opened; snapshots hold all of them.
    void use(const std::string& database);
    void barrier();
    void configure(const dqlite::Configuration& configuration);
    /// Pages without a commit, then the command that takes them back.
    void undo();
    void raw(std::uint8_t type, const std::string& data);
    void next_term() { ++term_; }
    /// A snapshot of the database as it is now. `wal`: dqlite 1.11's form, the pages in a write-ahead log.
    void snapshot(bool compressed = true, bool wal = false);
    /// The entries since the last segment go into a closed one.
    void close_segment();
    /// The rest goes into open-1; zeros behind it.
    void write(const std::string& folder);

    [[nodiscard]] std::uint64_t last_index() const { return index_; }
    /// Content by name, to be changed before write(): closed segments and snapshots made so far.
    [[nodiscard]] std::map<std::string, std::string>& files() { return files_; }

  private:
    struct Entry {
        std::uint64_t term;
        std::uint8_t type;
        std::string data;
    };
    [[nodiscard]] std::string segment();
    std::string database_;
    std::uint64_t term_;
    std::uint64_t index_ = 0;
    std::uint64_t segment_first_ = 1;
    std::map<std::string, std::string> images_;  // by database
    std::size_t page_size_ = 4096;
    dqlite::Configuration configuration_{{1, "127.0.0.1:9001", dqlite::Role::voter}};
    std::uint64_t configuration_index_ = 1;
    std::vector<Entry> entries_;
    std::map<std::string, std::string> files_;
};

/// dqlite's checksum, a bit at a time.
[[nodiscard]] std::uint32_t slow_dqlite_crc(const std::string& bytes);

}  // namespace kvctl::test
