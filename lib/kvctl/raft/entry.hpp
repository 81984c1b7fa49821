#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/strong.hpp"

namespace kvctl::raft {

/// On disk and on the wire; these numbers never change.
enum class EntryType : std::uint8_t { normal = 0, conf_change = 1, conf_change_v2 = 2 };
inline constexpr std::size_t k_entry_types = 3;

/// etcd's name: "EntryNormal", "EntryConfChange", "EntryConfChangeV2".
[[nodiscard]] std::string_view name_of(EntryType type) noexcept;
/// nullopt when there is no such number or name.
[[nodiscard]] std::optional<EntryType> entry_type(std::uint64_t number) noexcept;
[[nodiscard]] std::optional<EntryType> entry_type(std::string_view name) noexcept;

/// One raftpb.Entry whose data belongs to somebody else.
struct EntryView {
    LogIndex index;
    Term term;
    EntryType type = EntryType::normal;
    std::string_view data;
    bool data_present = false;  ///< a data field of no bytes differs from none: it is encoded
    friend bool operator==(const EntryView&, const EntryView&) = default;
};

/// One raftpb.Entry that owns its data.
struct Entry {
    LogIndex index;
    Term term;
    EntryType type = EntryType::normal;
    std::string data;
    bool data_present = false;

    Entry() = default;
    explicit Entry(const EntryView& v)
        : index(v.index), term(v.term), type(v.type), data(v.data), data_present(v.data_present) {}
    [[nodiscard]] EntryView view() const noexcept { return {index, term, type, data, data_present}; }
    friend bool operator==(const Entry&, const Entry&) = default;
};

struct HardState {
    Term term;
    std::uint64_t vote = 0;  ///< member id, 0 = none
    LogIndex commit;
    friend bool operator==(const HardState&, const HardState&) = default;
};

/// A position that stands for everything up to it: a snapshot record, or the log's dummy entry.
struct SnapshotMeta {
    LogIndex index;
    Term term;
    friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

struct ConfState {
    std::vector<std::uint64_t> voters;
    std::vector<std::uint64_t> learners;
    std::vector<std::uint64_t> voters_outgoing;
    std::vector<std::uint64_t> learners_next;
    bool auto_leave = false;
    friend bool operator==(const ConfState&, const ConfState&) = default;
};

struct Snapshot {
    SnapshotMeta meta;
    ConfState conf_state;
    std::string data;
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

/// Bytes of the protobuf message as etcd up to raft 3.6 writes it: type, term and index always, data when
/// present.
[[nodiscard]] std::uint64_t encoded_size(const EntryView& entry) noexcept;
/// That message, appended to `out`.
void append_encoded(std::string& out, const EntryView& entry);

/// Decoders of raftpb messages; nullopt when malformed or of an unknown entry type. Views point into
/// `message`.
[[nodiscard]] std::optional<EntryView> decode_entry(std::string_view message) noexcept;
[[nodiscard]] std::optional<HardState> decode_hard_state(std::string_view message) noexcept;
/// walpb.Snapshot. Releases before 3.5 wrote no conf_state.
struct WalSnapshot {
    SnapshotMeta meta;
    std::optional<ConfState> conf_state;
};
[[nodiscard]] std::optional<WalSnapshot> decode_wal_snapshot(std::string_view message);
/// raftpb.Snapshot, of which only the metadata is wanted; `data_bytes` is the length of its data.
struct SnapshotFacts {
    SnapshotMeta meta;
    ConfState conf_state;
    std::uint64_t data_bytes = 0;
};
[[nodiscard]] std::optional<SnapshotFacts> decode_snapshot(std::string_view message);

}  // namespace kvctl::raft
