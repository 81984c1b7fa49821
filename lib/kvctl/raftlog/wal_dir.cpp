#include "kvctl/raftlog/wal_dir.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <system_error>
#include <vector>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/resolver.hpp"
#include "kvctl/raftlog/snap_dir.hpp"
#include "kvctl/raftlog/wal_frame.hpp"

namespace kvctl::raftlog {
namespace {

namespace fs = std::filesystem;
using Severity = Finding::Severity;

struct Segment {
    std::string path;
    std::uint64_t sequence = 0;
    std::uint64_t first_index = 0;
};

std::vector<Segment> list_segments(const std::string& directory) {
    std::vector<Segment> out;
    std::error_code error;
    fs::directory_iterator it(directory, error);
    if (error) throw io_error(directory, "list", error.value());
    for (const fs::directory_iterator end; it != end; it.increment(error)) {
        if (error) throw io_error(directory, "list", error.value());
        Segment s;
        if (!parse_two_hex(it->path().filename().native(), ".wal", s.sequence, s.first_index)) continue;
        s.path = it->path().native();
        out.push_back(std::move(s));
    }
    std::sort(out.begin(), out.end(), [](const Segment& a, const Segment& b) { return a.path < b.path; });
    return out;
}

bool has_segments(const std::string& directory) {
    std::error_code error;
    if (!fs::is_directory(directory, error)) return false;
    return !list_segments(directory).empty();
}

// The running checksum over all records of all segments.
class CrcChain {
  public:
    // False when the record's checksum is not the expected one. Whether its data or its stored checksum is
    // damaged only the next record tells: that may continue from either, so one damaged record is reported
    // once.
    bool follow(const WalRecord& record) noexcept {
        const bool is_crc = record.type == static_cast<std::int64_t>(RecordType::crc);
        const auto expected_from = [&](std::uint32_t crc) { return is_crc ? crc : crc32c(crc, record.data); };
        const std::uint32_t expected = expected_from(crc_);
        const bool good = lost_ || record.crc == expected || (is_crc && crc_ == 0) ||
                          (doubtful_ && record.crc == expected_from(other_));
        other_ = expected;
        doubtful_ = !good;
        crc_ = record.crc;
        lost_ = false;
        return good;
    }
    // A record was lost: the next one cannot be checked.
    void lose() noexcept { lost_ = true; }

  private:
    std::uint32_t crc_ = 0;
    std::uint32_t other_ = 0;
    bool doubtful_ = false;
    bool lost_ = false;
};

class WalDir final : public Source {
  public:
    explicit WalDir(const std::string& directory) : segments_(list_segments(directory)) {
        header_.kind = SourceKind::wal;
        header_.path = directory;
        if (segments_.size() > std::numeric_limits<std::uint16_t>::max()) {
            throw Error(ErrorKind::refused, directory + ": more than 65535 segments");
        }
        Resolver resolver(findings_);
        CrcChain chain;
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            if (i > 0 && segments_[i].sequence != segments_[i - 1].sequence + 1) {
                findings_.add(
                    {Severity::error, "missing-segment", segments_[i].path,
                     "the segment before it has sequence " + std::to_string(segments_[i - 1].sequence)});
                chain.lose();
            }
            read_segment(i, resolver, chain);
        }
        pick_newest_snapshot(resolver);
        const auto newest = header_.newest_snapshot;
        slots_ = resolver.finish(header_);
        if (newest) header_.newest_snapshot = newest;
    }

    [[nodiscard]] const Header& header() const override { return header_; }
    [[nodiscard]] Findings findings() const override { return findings_.take(); }

    void each(Want want, const std::function<bool(const Item&)>& f) override {
        std::optional<FileReader> file;
        std::size_t open_segment = segments_.size();
        std::uint64_t n = 0;
        for (const Slot& slot : slots_) {
            if ((++n & 4095) == 0) check_interrupt();
            Item item;
            item.facts = {slot.index(), slot.term(), slot.type(), slot.request(), slot.bytes()};
            if (want == Want::data || !item.facts.bytes) {
                const Location at = slot.at();
                if (open_segment != at.file) {
                    open_segment = at.file;
                    file.emplace(segments_[at.file].path);
                }
                const auto entry = raft::decode_entry(file->view(at.offset, at.size));
                if (!entry || entry->index != slot.index()) {
                    throw Error(ErrorKind::io, segments_[at.file].path + ": changed while it was read");
                }
                item.data = entry->data;
                item.data_present = entry->data_present;
                item.facts.bytes = raft::encoded_size(*entry);
            }
            if (!f(item)) return;
        }
    }

  private:
    void read_segment(std::size_t number, Resolver& resolver, CrcChain& chain) {
        const Segment& segment = segments_[number];
        const bool last = number + 1 == segments_.size();
        FileReader file(segment.path);
        std::uint64_t n = 0;
        std::uint64_t offset = 0;
        for (;; ++n) {
            if ((n & 1023) == 0) check_interrupt();
            const WalFrame frame = read_frame(file, offset);
            if (frame.kind == WalFrame::Kind::end) break;
            if (frame.kind == WalFrame::Kind::cut_short) {
                chain.lose();
                return cut_short(segment, offset, last);
            }
            const auto record = decode_record(frame.record);
            const bool good_crc = record && chain.follow(*record);
            if (!good_crc) {
                if (!record) chain.lose();
                if (last && has_zero_sector(file, offset, frame.next))
                    return cut_short(segment, offset, last);
                findings_.add(
                    {Severity::error, record ? "crc-mismatch" : "undecodable-record",
                     place(segment.path, offset),
                     record ? "the record's checksum does not match" : "the record does not decode"});
            }
            if (record) {
                const auto skip = static_cast<std::uint64_t>(record->data.data() - frame.record.data());
                const Location at{offset + 8 + (record->data.empty() ? 0 : skip),
                                  static_cast<std::uint32_t>(record->data.size()),
                                  static_cast<std::uint16_t>(number)};
                take(*record, at, segment.path, good_crc, resolver);
            }
            offset = frame.next;
        }
        if (n == 0) {
            findings_.add({Severity::error, "empty-segment", segment.path, "the segment holds no record"});
            chain.lose();
        }
    }

    void cut_short(const Segment& segment, std::uint64_t offset, bool last) {
        if (last) {
            findings_.add({Severity::warning, "torn-tail", place(segment.path, offset),
                           "the last record was not written completely"});
        } else {
            findings_.add({Severity::error, "unexpected-end", place(segment.path, offset),
                           "the segment ends inside a record"});
        }
    }

    void take(const WalRecord& record, const Location& at, const std::string& file, bool good_crc,
              Resolver& resolver) {
        const auto undecodable = [&] {
            if (good_crc) {
                findings_.add({Severity::error, "undecodable-record", place(file, at.offset),
                               "the record's content does not decode"});
            }
        };
        switch (static_cast<RecordType>(record.type)) {
            case RecordType::metadata:
                if (good_crc) take_metadata(record.data, at, file);
                break;
            case RecordType::entry: {
                const auto entry = raft::decode_entry(record.data);
                if (!entry) return undecodable();
                // A damaged record may not cut off sound ones; it may only stand in its own place.
                const auto last = resolver.last_index();
                if (!good_crc && (!last || entry->index.value() != last->value() + 1)) return;
                resolver.entry(*entry, at, file);
                break;
            }
            case RecordType::state: {
                const auto state = raft::decode_hard_state(record.data);
                if (!state) return undecodable();
                if (good_crc) resolver.hard_state(*state);
                break;
            }
            case RecordType::snapshot: {
                const auto snapshot = raft::decode_wal_snapshot(record.data);
                if (!snapshot) return undecodable();
                if (good_crc) resolver.snapshot(*snapshot, at, file);
                break;
            }
            case RecordType::crc:
                break;
            default:
                findings_.add({Severity::warning, "unknown-record", place(file, at.offset),
                               "a record of type " + std::to_string(record.type)});
        }
    }

    void take_metadata(std::string_view data, const Location& at, const std::string& file) {
        std::array<std::uint64_t, 2> ids{};
        proto::Reader r(data);
        while (r.next()) {
            if (r.field() == 1) ids[0] = r.number();
            if (r.field() == 2) ids[1] = r.number();
        }
        if (header_.node_id && (*header_.node_id != ids[0] || *header_.cluster_id != ids[1])) {
            findings_.add({Severity::error, "conflicting-metadata", place(file, at.offset),
                           "another member or cluster id than before"});
        }
        if (header_.node_id) return;
        header_.node_id = ids[0];
        header_.cluster_id = ids[1];
    }

    // A server starts from the newest sound .snap file that a usable record vouches for.
    void pick_newest_snapshot(const Resolver& resolver) {
        const fs::path snap = fs::path(header_.path).lexically_normal() / ".." / "snap";
        const std::vector<raft::SnapshotMeta> usable = resolver.usable_snapshots();
        const auto recorded = [](const std::vector<raft::SnapshotMeta>& list, const raft::SnapshotMeta& m) {
            return std::find(list.begin(), list.end(), m) != list.end();
        };
        for (const SnapFile& file : read_snap_dir(snap.native(), findings_)) {
            if (!recorded(resolver.snapshots(), file.meta)) {
                findings_.add(
                    {Severity::info, "orphan-snap", file.path, "no record in the log names this snapshot"});
            } else if (file.sound && !header_.newest_snapshot && recorded(usable, file.meta)) {
                header_.newest_snapshot = file.meta;
            }
        }
    }

    Header header_;
    std::vector<Segment> segments_;
    FindingLog findings_;
    Slots slots_;
};

}  // namespace

std::optional<std::string> find_wal_dir(const std::string& path) {
    const fs::path base(path);
    for (const fs::path& candidate : {base, base / "wal", base / "member" / "wal"}) {
        if (has_segments(candidate.native())) return candidate.native();
    }
    return std::nullopt;
}

std::unique_ptr<Source> open_wal_dir(const std::string& directory) {
    return std::make_unique<WalDir>(directory);
}

}  // namespace kvctl::raftlog
