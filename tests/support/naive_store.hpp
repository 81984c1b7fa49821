#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kvctl/mvcc/revision.hpp"

namespace kvctl::test::naive {

using mvcc::Revision;

/// etcd's switches (etcd.md 0) that the model knows.
struct Rules {
    bool keep_at_rev = false;
    bool restore_orphan_tombstone = false;
    bool hash_at_compact_rev = false;
    bool hash_skip_tombstone = false;
};

inline constexpr Rules k_classic{};
inline constexpr Rules k_keep{true, true, true, true};

/// A life of a key, with its revisions copied: slow, and as plain as the description it is written from.
struct Generation {
    std::int64_t ver = 0;
    Revision created;
    std::vector<Revision> revs;
};

/// etcd.md 1.3 to 2.1, literally. The model that the library's packed index is held against.
class KeyIndex {
  public:
    std::string key;
    Revision modified;
    std::vector<Generation> generations;

    void put(Revision r);
    bool tombstone(Revision r);
    void restore(Revision created, Revision mod, std::int64_t ver);
    void restore_tombstone(Revision r);
    [[nodiscard]] bool empty() const;

    struct Found {
        Revision modified;
        Revision created;
        std::int64_t version = 0;
    };
    [[nodiscard]] std::optional<std::size_t> find_generation(std::int64_t at) const;
    [[nodiscard]] std::optional<Found> get(std::int64_t at) const;
    [[nodiscard]] std::vector<Revision> since(std::int64_t from) const;
    void compact(std::int64_t at, bool keep_rule, std::set<Revision>& available);
    void keep(std::int64_t at, bool keep_rule, std::set<Revision>& available) const;

  private:
    struct Choice {
        std::size_t generation = 0;
        std::optional<std::size_t> position;
    };
    Choice choose(std::int64_t at, bool keep_rule, std::set<Revision>& available) const;
};

struct Row {
    Revision revision;
    bool tombstone = false;
    std::string key;
    std::int64_t create_revision = 0;
    std::int64_t version = 0;
    std::int64_t lease = 0;
    std::string value;
};

/// etcd's mvcc store as a map of rows and a map of key indexes.
class Store {
  public:
    explicit Store(const Rules& rules) : rules_(rules) {}

    // --- one write request: any number of changes, then end()
    void put(const std::string& key, const std::string& value, std::int64_t lease = 0);
    /// False, and no change, when the key does not exist.
    bool remove(const std::string& key);
    /// Ends a request: the next one has the next main revision, if anything was written.
    void end();

    /// A store that holds just these rows, as after a restart.
    static Store reopened(const Rules& rules, const std::vector<Row>& rows, std::int64_t compacted);

    enum class Answer { done, compacted, future };
    /// etcd's Compact with the job done at once. `removed` gets what went.
    Answer compact(std::int64_t at, std::vector<Revision>* removed = nullptr);
    [[nodiscard]] std::set<Revision> keep(std::int64_t at) const;
    /// Values by key that a read at `at` sees.
    [[nodiscard]] std::map<std::string, std::string> read(std::int64_t at) const;
    /// nullopt: compacted or future.
    [[nodiscard]] std::optional<std::uint32_t> hash(std::int64_t at) const;

    [[nodiscard]] std::int64_t current() const { return current_; }
    [[nodiscard]] std::int64_t compacted() const { return compacted_; }
    [[nodiscard]] const std::map<Revision, Row>& rows() const { return rows_; }
    [[nodiscard]] std::vector<Row> row_list() const;
    [[nodiscard]] const std::map<std::string, KeyIndex>& index() const { return index_; }
    /// Revisions at or below `at` that the index still lists although their rows are gone.
    [[nodiscard]] std::vector<Revision> lost(std::int64_t at) const;

  private:
    Rules rules_;
    std::map<Revision, Row> rows_;
    std::map<std::string, KeyIndex> index_;
    std::int64_t current_ = 1;
    std::int64_t compacted_ = -1;
    std::int64_t sub_ = 0;
};

/// "61 4.0 2.0/2/2.0,4.0;0.0/0/": a line of the vectors' canonical index text, without the line end.
[[nodiscard]] std::string index_line(const KeyIndex& key);
/// The whole text, a line a key.
[[nodiscard]] std::string index_text(const std::map<std::string, KeyIndex>& index);

}  // namespace kvctl::test::naive
