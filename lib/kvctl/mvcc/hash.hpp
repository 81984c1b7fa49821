#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// etcd's HashKV, computed form (etcd.md 6.1): CRC-32C of "key" and of every counted row's key and value as
/// etcd's bucket stores them. One pass over the records; what of the rows at or below the compact revision
/// counts is decided at the end, from their single checksums.
class KvHash {
  public:
    struct Request {
        CompactionRules rules;
        MainRevision current{1};
        MainRevision compacted{-1};
        MainRevision at;  ///< 0 and less as etcd takes them: 0 is the current revision
        std::optional<MainRevision> as_if_compacted;  ///< the hash of the store once compacted there
        bool per_key = false;
    };
    struct KeyHash {
        KeyId key = k_no_key;
        std::uint32_t hash = 0;
        std::uint64_t revisions = 0;
    };
    struct Result {
        std::uint32_t hash = 0;
        MainRevision revision;
        MainRevision compacted;
        std::uint64_t rows = 0;     ///< that were counted
        std::vector<KeyHash> keys;  ///< only when asked for; by key in byte order
    };

    /// Throws compacted or future_revision, as etcd answers.
    explicit KvHash(const Request& request);

    /// Records in revision order, those above the revision too (they do not count).
    void add(const Record& record);
    /// Forgets everything added.
    void restart();
    [[nodiscard]] Result finish();
    /// Of the keys that were added; valid after finish().
    [[nodiscard]] const TreeIndex& index() const noexcept { return index_; }

  private:
    struct Row {
        std::uint32_t crc;
        std::uint32_t size;
    };
    [[nodiscard]] bool counts(Slot slot, const SlotSet& kept, bool filter, const SlotSet* removed) const;

    Request request_;
    MainRevision at_;
    MainRevision boundary_;  // rows at or below it are judged one by one
    bool index_needed_;
    TreeIndex index_;
    RowBatch batch_;
    std::string buffer_;
    std::vector<Row> below_;      // rows at or below the boundary, in order
    std::vector<Row> above_;      // only per key: the others
    std::uint32_t tail_crc_ = 0;  // of everything above the boundary
    std::uint64_t tail_size_ = 0;
    std::uint64_t tail_rows_ = 0;
};

}  // namespace kvctl::mvcc
