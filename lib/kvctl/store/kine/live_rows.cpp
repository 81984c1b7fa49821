#include "kvctl/store/kine/live_rows.hpp"

#include <algorithm>

#include "kvctl/base/command.hpp"
#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::store {
namespace {

using mvcc::Slot;

constexpr std::size_t k_rows_at_once = 1000;
constexpr std::size_t k_rows_between = 250;  // two transactions: well below the shortest pause

// The index that each start of a kine since 0.14.13 makes sure of. Releases before 0.13.16 could compact
// without raising the compact revision.
bool was_started_by_newer_kine(const TableInfo& table) {
    return std::any_of(table.indexes.begin(), table.indexes.end(), [](const IndexInfo& i) {
        return i.is_on({"id", "name", "prev_revision"});
    });
}

template <class T>
std::string_view bytes_of(const T& number) {
    return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::uint32_t digest(const sqlite::Statement& row) {
    std::uint32_t crc = 0;
    for (int column = 0; column < static_cast<int>(k_kine_columns.size()); ++column) {
        const sqlite::Type type = row.type(column);
        crc = crc32c(crc, bytes_of(type));
        if (type == sqlite::Type::null) continue;
        if (type == sqlite::Type::integer) {
            crc = crc32c(crc, bytes_of(row.integer(column)));
        } else {
            const std::string_view bytes = row.bytes(column);
            crc = crc32c(crc32c(crc, bytes_of(bytes.size())), bytes);
        }
    }
    return std::max(crc, std::uint32_t{1});
}

}  // namespace

LiveRows::LiveRows(LiveKine& live, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan)
    : live_(live), index_(index), plan_(plan), may_be_untold_(!was_started_by_newer_kine(live.table())) {
    index.for_each_row(0, index.slot_end(), [&](Slot s) {
        if (s >= plan.slot_end || !plan.removed_slots.contains(s)) stay_.push_back(s);
    });
    digests_.assign(stay_.size(), 0);
}

void LiveRows::read(std::size_t begin, std::size_t end, const Taker& take) {
    sqlite::Statement s = live_.db().prepare(
        "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value FROM "
        "kine NOT INDEXED WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    while (begin < end) {
        // Neighbours are read together, so that no row in between that goes is read for nothing.
        std::size_t next = begin + 1;
        while (next < end && stay_[next] == stay_[next - 1] + 1) ++next;
        s.bind(1, id(stay_[begin])).bind(2, id(stay_[next - 1]));
        while (begin < next && s.step()) {
            while (begin < next && id(stay_[begin]) < s.integer(0)) ++begin;
            if (begin < next && id(stay_[begin]) == s.integer(0)) take(begin++, s);
        }
        s.reset();
        begin = next;
    }
}

void LiveRows::remember(Progress* progress) {
    for (std::size_t begin = 0; begin < stay_.size(); begin += k_rows_at_once) {
        check_interrupt();
        if (progress != nullptr) progress->update("reading what stays", begin, stay_.size());
        live_.at_one_moment([&] {
            read(begin, std::min(begin + k_rows_at_once, stay_.size()),
                 [&](std::size_t i, const sqlite::Statement& row) { digests_[i] = digest(row); });
        });
    }
}

std::uint64_t LiveRows::compare(std::size_t begin, std::size_t end,
                                const std::function<void(Slot, MainRevision)>& gone) {
    std::uint64_t there = 0;
    live_.at_one_moment([&] {
        const MainRevision compacted = live_.store().head().compacted;
        std::size_t next = begin;
        const auto gone_upto = [&](std::size_t i) {
            for (; next < i; ++next) gone(stay_[next], compacted);
        };
        read(begin, end, [&](std::size_t i, const sqlite::Statement& row) {
            if (digests_[i] != digest(row)) {
                if (digests_[i] == 0 || holds_gap(stay_[i])) return;
                fail(stay_[i], "is another one now, and nobody may change one");
            }
            gone_upto(i);
            ++next;
            ++there;
        });
        gone_upto(end);
    });
    return there;
}

void LiveRows::look_further() {
    const std::size_t end = std::min(next_ + k_rows_between, stay_.size());
    (void)compare(next_, end, [&](Slot s, MainRevision compacted) { (void)is_told(s, compacted); });
    next_ = end < stay_.size() ? end : 0;
}

LiveRows::Found LiveRows::compare(bool none_left, mvcc::SlotSet& gone) {
    Found found;
    for (std::size_t begin = 0; begin < stay_.size(); begin += k_rows_at_once) {
        check_interrupt();
        const std::size_t end = std::min(begin + k_rows_at_once, stay_.size());
        found.same += compare(begin, end, [&](Slot s, MainRevision compacted) {
            gone.insert(s);
            found.untold += is_told(s, compacted) ? 0 : 1;
        });
    }
    found.left = count_left(none_left, gone);
    return found;
}

std::uint64_t LiveRows::count_left(bool none_left, mvcc::SlotSet& gone) {
    std::uint64_t left = 0;
    std::vector<Slot> rows;
    const auto look = [&] {
        check_interrupt();
        for (const Slot s : live_.still_there(index_, rows)) {
            if (none_left && !holds_gap(s)) fail(s, "is still there");
            gone.erase(s);
            ++left;
        }
        rows.clear();
    };
    index_.for_each_row(0, plan_.slot_end, [&](Slot s) {
        if (!plan_.removed_slots.contains(s)) return;
        gone.insert(s);
        rows.push_back(s);
        if (rows.size() == k_rows_at_once) look();
    });
    look();
    return left;
}

bool LiveRows::is_told(Slot s, MainRevision compacted) {
    if (released(s, compacted)) return true;
    if (is_pointed_at(s)) return false;
    const mvcc::KeyId key = index_.key_of(s);
    const bool newest = key < mvcc::k_gap_key && !index_.is_tombstone(s) &&
                        index_.key_index(key).modified() == index_.revision(s);
    // Replaced, or deleted and its tombstone gone as well.
    const bool superseded = !newest || has_newer(s) || lacks_newer_rows();
    if (!superseded || !may_be_untold_) fail(s, "is gone, which nobody may remove");
    return false;
}

// Whether a compaction at the revision takes the row, as far as that can be told.
bool LiveRows::released(Slot s, MainRevision compacted) {
    if (id(s) > compacted.value()) return false;
    const mvcc::KeyId key = index_.key_of(s);
    if (key == mvcc::k_gap_key || index_.is_tombstone(s)) return true;
    if (key == mvcc::k_no_key) return false;
    const mvcc::KeyIndex rows = index_.key_index(key);
    const Slot above = index_.upper_bound(compacted);
    for (std::size_t i = rows.size(); i-- > 0 && rows.slot(i) > s;) {
        if (rows.slot(i) < above) return true;
    }
    return compacted > plan_.current && (has_newer(s) || lacks_newer_rows());
}

// A kine that compacts follows such a pointer.
bool LiveRows::is_pointed_at(Slot s) {
    if (!pointed_at_) {
        pointed_at_.emplace(index_.slot_end());
        index_.for_each_row(0, index_.slot_end(), [&](Slot from) {
            const std::int64_t to = index_.prev_revision_of(from);
            const Slot target = to == 0 ? mvcc::k_no_slot : index_.find_slot({to, 0});
            if (target != mvcc::k_no_slot && index_.key_of(target) != index_.key_of(from))
                pointed_at_->insert(target);
        });
    }
    return pointed_at_->contains(s);
}

bool LiveRows::has_newer(Slot s) {
    const std::string_view key = index_.key(index_.key_of(s));
    sqlite::Statement q = live_.db().prepare("SELECT 1 FROM kine WHERE name IN (?1, ?2) AND id > ?3 LIMIT 1");
    return q.bind_text(1, key).bind_blob(2, key).bind(3, id(s)).step();
}

bool LiveRows::lacks_newer_rows() {
    sqlite::Statement q = live_.db().prepare("SELECT max(id) - count(*) FROM kine WHERE id > ?1");
    return q.bind(1, plan_.current.value()).step() && q.integer(0) > plan_.current.value();
}

// A second server that missed a revision puts one there, when a compaction has taken the row meanwhile.
bool LiveRows::holds_gap(Slot s) {
    sqlite::Statement q =
        live_.db().prepare("SELECT 1 FROM kine WHERE id = ?1 AND deleted <> 0 AND name = 'gap-' || id");
    return q.bind(1, id(s)).step();
}

void LiveRows::fail(Slot s, std::string_view what) const {
    throw Error(ErrorKind::damaged,
                fmt::format("{}: row {} {}; {} tells what is wrong with the store", live_.store().info().path,
                            id(s), what, command_on(live_.store().info().path, "check")));
}

}  // namespace kvctl::store
