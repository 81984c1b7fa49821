#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/store.hpp"
#include "kvctl/store/target.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// A stretch of main revisions, both ends included, of which something could not be read.
struct LostRange {
    std::optional<std::int64_t> from;  ///< nullopt: not known
    std::optional<std::int64_t> to;
    std::vector<std::string> keys;  ///< that are known to have lost a revision in it
};

struct Salvaged {
    std::vector<LostRange> lost;
    std::vector<std::string> warnings;
    std::uint64_t revisions = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t bytes = 0;
};

/// How what can be read is taken out of a damaged store: one of the two.
struct Salvage {
    /// Row by row.
    Salvaged (*into_target)(const std::string& path, const std::string& file, Target& target,
                            Progress* progress) = nullptr;
    /// As a sound SQLite store in an empty file.
    Salvaged (*into_copy)(const std::string& path, const std::string& file, const OpenOptions& options,
                          const TempFile& made, Progress* progress) = nullptr;
    std::string_view kind{};  ///< the layout's name; empty: one of several, which the copy tells
};

/// Of what lies at `file`, or of the layout asked for. Throws usage where there is nothing of the
/// kind, and for --member and --raft-index where they choose nothing.
[[nodiscard]] Salvage salvage_of(const std::string& path, const std::string& file,
                                 const OpenOptions& options);

/// Takes from the etcd db at `file` every row that can be read, past broken pages, into `target`, which is
/// not finished. A row is only taken when its key and value agree on what it is.
[[nodiscard]] Salvaged salvage_bbolt(const std::string& path, const std::string& file, Target& target,
                                     Progress* progress);

/// Copies every row that can be read of the SQLite store at `file`, past broken pages and records and in a
/// table without a primary key, into the empty file `made`, a store of the same layout. Throws damaged where
/// not even the schema can be read.
[[nodiscard]] Salvaged salvage_sqlite(const std::string& path, const std::string& file,
                                      std::optional<Layout> layout, const TempFile& made, Progress* progress);

/// Copies every row that can be had of a dqlite directory into the empty file `made`, a kine store: those of
/// the state that its log comes to, and, from pages that were written behind damage or lie in files that
/// dqlite set aside, those of later revisions. Such a row is only taken when all the pages it stands on were
/// written in one unbroken run of entries. Throws damaged where there is not one row, io.
[[nodiscard]] Salvaged salvage_dqlite(const std::string& path, const OpenOptions& options,
                                      const TempFile& made, Progress* progress);

/// Finds keys that lost revisions, from the rows that are left.
class IncompleteKeys {
  public:
    IncompleteKeys();
    ~IncompleteKeys();
    IncompleteKeys(const IncompleteKeys&) = delete;
    IncompleteKeys& operator=(const IncompleteKeys&) = delete;

    /// In revision order. `expects`: the row says that one of its key stood at or above this main, before it;
    /// nullopt: it does not.
    void add(std::string_view key, std::int64_t main, std::optional<std::int64_t> expects);
    /// The last main of a key so far; nullopt: none.
    [[nodiscard]] std::optional<std::int64_t> last(std::string_view key) const;
    /// Puts the keys to the ranges in which they can have lost something.
    void attach(std::vector<LostRange>& lost) const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace kvctl::store
