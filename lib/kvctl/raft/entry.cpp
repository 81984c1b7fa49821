#include "kvctl/raft/entry.hpp"

#include <array>

#include "kvctl/base/proto.hpp"
#include "kvctl/raft/canonical.hpp"

namespace kvctl::raft {
namespace {

constexpr std::array<std::string_view, k_entry_types> k_names = {"EntryNormal", "EntryConfChange",
                                                                 "EntryConfChangeV2"};

// Repeated uint64, one field each or packed.
bool take_ids(const proto::Reader& r, std::vector<std::uint64_t>& ids) {
    if (r.wire_type() == 0) {
        ids.push_back(r.number());
        return true;
    }
    if (r.wire_type() != 2) return false;
    std::string_view rest = r.bytes();
    while (!rest.empty()) {
        std::uint64_t id = 0;
        if (!proto::take_varint(rest, id)) return false;
        ids.push_back(id);
    }
    return true;
}

bool decode_conf_state(std::string_view message, ConfState& out) {
    proto::Reader r(message);
    while (r.next()) {
        switch (r.field()) {
            case 1:
                if (!take_ids(r, out.voters)) return false;
                break;
            case 2:
                if (!take_ids(r, out.learners)) return false;
                break;
            case 3:
                if (!take_ids(r, out.voters_outgoing)) return false;
                break;
            case 4:
                if (!take_ids(r, out.learners_next)) return false;
                break;
            case 5:
                out.auto_leave = r.number() != 0;
                break;
            default:
                break;
        }
    }
    return !r.bad();
}

bool decode_canonical(std::string_view message, EntryView& out) noexcept {
    CanonicalReader r(message);
    std::uint64_t type = 0;
    std::uint64_t term = 0;
    std::uint64_t index = 0;
    std::string_view data;
    if (!r.number(0x08, type) || !r.number(0x10, term) || !r.number(0x18, index)) return false;
    const bool data_present = !r.at_end();
    if (type >= k_entry_types || (data_present && (!r.bytes(0x22, data) || !r.at_end()))) return false;
    out.index = LogIndex{index};
    out.term = Term{term};
    out.type = static_cast<EntryType>(type);
    out.data = data;
    out.data_present = data_present;
    return true;
}

bool decode_unusual(std::string_view message, EntryView& out) noexcept {
    proto::Reader r(message);
    while (r.next()) {
        const int want = r.field() == 4 ? 2 : 0;
        if (r.field() <= 4 && r.wire_type() != want) return false;
        switch (r.field()) {
            case 1: {
                const auto type = entry_type(r.number());
                if (!type) return false;
                out.type = *type;
                break;
            }
            case 2:
                out.term = Term{r.number()};
                break;
            case 3:
                out.index = LogIndex{r.number()};
                break;
            case 4:
                out.data = r.bytes();
                out.data_present = true;
                break;
            default:
                break;
        }
    }
    return !r.bad();
}

}  // namespace

std::string_view name_of(EntryType type) noexcept {
    return k_names[static_cast<std::size_t>(type)];
}

std::optional<EntryType> entry_type(std::uint64_t number) noexcept {
    if (number >= k_entry_types) return std::nullopt;
    return static_cast<EntryType>(number);
}

std::optional<EntryType> entry_type(std::string_view name) noexcept {
    for (std::size_t i = 0; i < k_names.size(); ++i) {
        if (k_names[i] == name) return static_cast<EntryType>(i);
    }
    return std::nullopt;
}

std::uint64_t encoded_size(const EntryView& entry) noexcept {
    std::uint64_t n = 3 + proto::varint_size(static_cast<std::uint64_t>(entry.type)) +
                      proto::varint_size(entry.term.value()) + proto::varint_size(entry.index.value());
    if (entry.data_present) n += 1 + proto::varint_size(entry.data.size()) + entry.data.size();
    return n;
}

void append_encoded(std::string& out, const EntryView& entry) {
    proto::append_number(out, 1, static_cast<std::uint64_t>(entry.type));
    proto::append_number(out, 2, entry.term.value());
    proto::append_number(out, 3, entry.index.value());
    if (entry.data_present) proto::append_bytes(out, 4, entry.data);
}

std::optional<EntryView> decode_entry(std::string_view message) noexcept {
    // Filled where it is returned: a copy right behind the single stores would stall the CPU.
    std::optional<EntryView> out(std::in_place);
    if (!decode_canonical(message, *out) && !decode_unusual(message, *out)) out.reset();
    return out;
}

std::optional<HardState> decode_hard_state(std::string_view message) noexcept {
    HardState h;
    proto::Reader r(message);
    while (r.next()) {
        if (r.field() <= 3 && r.wire_type() != 0) return std::nullopt;
        switch (r.field()) {
            case 1:
                h.term = Term{r.number()};
                break;
            case 2:
                h.vote = r.number();
                break;
            case 3:
                h.commit = LogIndex{r.number()};
                break;
            default:
                break;
        }
    }
    if (r.bad()) return std::nullopt;
    return h;
}

std::optional<WalSnapshot> decode_wal_snapshot(std::string_view message) {
    WalSnapshot s;
    proto::Reader r(message);
    while (r.next()) {
        if (r.field() <= 2 && r.wire_type() != 0) return std::nullopt;
        if (r.field() == 1) s.meta.index = LogIndex{r.number()};
        if (r.field() == 2) s.meta.term = Term{r.number()};
        if (r.field() != 3) continue;
        if (r.wire_type() != 2 || !decode_conf_state(r.bytes(), s.conf_state.emplace())) return std::nullopt;
    }
    if (r.bad()) return std::nullopt;
    return s;
}

std::optional<SnapshotFacts> decode_snapshot(std::string_view message) {
    SnapshotFacts s;
    proto::Reader r(message);
    while (r.next()) {
        if (r.field() <= 2 && r.wire_type() != 2) return std::nullopt;
        if (r.field() == 1) s.data_bytes = r.bytes().size();
        if (r.field() != 2) continue;
        proto::Reader m(r.bytes());
        while (m.next()) {
            if (m.field() == 1 && (m.wire_type() != 2 || !decode_conf_state(m.bytes(), s.conf_state))) {
                return std::nullopt;
            }
            if (m.field() == 2) s.meta.index = LogIndex{m.number()};
            if (m.field() == 3) s.meta.term = Term{m.number()};
        }
        if (m.bad()) return std::nullopt;
    }
    if (r.bad()) return std::nullopt;
    return s;
}

}  // namespace kvctl::raft
