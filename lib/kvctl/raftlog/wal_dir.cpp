#include "kvctl/raftlog/wal_dir.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/cores.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/raft/request.hpp"
#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/resolver.hpp"
#include "kvctl/raftlog/snap_dir.hpp"
#include "kvctl/raftlog/wal_crc.hpp"
#include "kvctl/raftlog/wal_frame.hpp"
#include "kvctl/raftlog/wal_scan.hpp"

namespace kvctl::raftlog {
namespace {

namespace fs = std::filesystem;
using Severity = Finding::Severity;

std::vector<WalSegment> list_segments(const std::string& directory) {
    std::vector<WalSegment> out;
    std::error_code error;
    fs::directory_iterator it(directory, error);
    if (error) throw io_error(directory, "list", error.value());
    for (const fs::directory_iterator end; it != end; it.increment(error)) {
        if (error) throw io_error(directory, "list", error.value());
        WalSegment s;
        if (!parse_two_hex(it->path().filename().native(), ".wal", s.sequence, s.first_index)) continue;
        s.path = it->path().native();
        out.push_back(std::move(s));
    }
    std::sort(out.begin(), out.end(),
              [](const WalSegment& a, const WalSegment& b) { return a.path < b.path; });
    return out;
}

bool has_segments(const std::string& directory) {
    std::error_code error;
    if (!fs::is_directory(directory, error)) return false;
    return !list_segments(directory).empty();
}

// Below this a second thread costs more than it brings.
constexpr std::uint64_t k_two_threads_from = std::uint64_t{16} << 20;

bool two_pay(const std::vector<WalSegment>& segments) {
    std::uint64_t bytes = 0;
    for (const WalSegment& s : segments) {
        std::error_code error;
        const std::uintmax_t size = fs::file_size(s.path, error);
        if (!error) bytes += size;
    }
    return bytes >= k_two_threads_from && usable_cores() > 1;
}

class WalDir final : public Source {
  public:
    WalDir(const std::string& directory, std::string snap_directory, Threads threads)
        : segments_(list_segments(directory)), snap_(std::move(snap_directory)) {
        if (snap_.empty()) snap_ = (fs::path(directory).lexically_normal() / ".." / "snap").native();
        header_.kind = SourceKind::wal;
        header_.path = directory;
        if (segments_.size() > std::numeric_limits<std::uint16_t>::max()) {
            throw Error(ErrorKind::refused, directory + ": more than 65535 segments");
        }
        Resolver resolver(findings_);
        CrcChain chain;
        const bool two = threads == Threads::automatic ? two_pay(segments_) : threads == Threads::two;
        scan_wal(segments_, two, [&](const WalBatch& batch) { return take(batch, resolver, chain); });
        find_start_up(resolver);
        note_ghosts(resolver);
        slots_ = resolver.finish(header_);
        if (header_.start_up) header_.newest_snapshot = header_.start_up->up_to_3_6.snapshot;
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
            if (want == Want::data || slot.type() != raft::EntryType::normal) {
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
            }
            if (!f(item)) return;
        }
    }

  private:
    // False: the log ends here.
    bool take(const WalBatch& batch, Resolver& resolver, CrcChain& chain) {
        const WalSegment& segment = segments_[batch.segment];
        const bool last = batch.segment + 1 == segments_.size();
        if (batch.offset == 0) begin(batch.segment, chain);
        for (const FramedRecord& record : batch.records) {
            const bool good_crc = record.decodes && chain.follow(record);
            if (!good_crc) {
                if (!record.decodes) chain.lose();
                if (last && has_zero_sector(record.body(), record.frame + k_frame_head)) {
                    cut_short(segment, record.frame, last);
                    return false;
                }
                note_damaged(record, segment, resolver);
            }
            if (record.decodes) take(record, batch.segment, good_crc, resolver);
        }
        if (batch.end == WalBatch::End::cut_short) {
            chain.lose();
            cut_short(segment, batch.end_offset, last);
        } else if (batch.end == WalBatch::End::complete && batch.end_offset == 0) {
            findings_.add({Severity::error, "empty-segment", segment.path, "the segment holds no record"});
            chain.lose();
        }
        return true;
    }

    void note_damaged(const FramedRecord& record, const WalSegment& segment, const Resolver& resolver) {
        const std::string where = place(segment.path, record.frame);
        std::string what =
            record.decodes ? "the record's checksum does not match" : "the record does not decode";
        const bool is_entry = !record.decodes || record.type == static_cast<std::int64_t>(RecordType::entry);
        if (record.entry) {
            what += fmt::format(": entry {}, {}", record.entry->index(),
                                describe(*raft::decode_entry(record.data)));
            header_.damaged.push_back({where, record.entry->index()});
        } else if (const auto last = resolver.last_index(); is_entry && last) {
            const LogIndex index{last->value() + 1};
            what += fmt::format("; it stands where entry {} would", index);
            header_.damaged.push_back({where, index});
        }
        findings_.add({Severity::error, record.decodes ? "crc-mismatch" : "undecodable-record", where, what});
    }

    // Type, request and key of an entry, as far as its data still tells.
    static std::string describe(const raft::EntryView& entry) {
        const raft::Request request = raft::decode_request(entry);
        std::string text = fmt::format("{}, {}", raft::name_of(entry.type), raft::name_of(request.kind));
        std::string_view key;
        if (const auto* put = std::get_if<raft::Put>(&request.body)) key = put->key;
        if (const auto* range = std::get_if<raft::DeleteRange>(&request.body)) key = range->key;
        return key.empty() ? text : fmt::format("{} of key {}", text, escape(key));
    }

    void begin(std::size_t number, CrcChain& chain) {
        if (number == 0 || segments_[number].sequence == segments_[number - 1].sequence + 1) return;
        findings_.add({Severity::error, "missing-segment", segments_[number].path,
                       fmt::format("the segment before it has sequence {}", segments_[number - 1].sequence)});
        chain.lose();
    }

    void cut_short(const WalSegment& segment, std::uint64_t offset, bool last) {
        if (last) {
            findings_.add({Severity::warning, "torn-tail", place(segment.path, offset),
                           "the last record was not written completely"});
        } else {
            findings_.add({Severity::error, "unexpected-end", place(segment.path, offset),
                           "the segment ends inside a record"});
        }
    }

    void take(const FramedRecord& record, std::size_t segment, bool good_crc, Resolver& resolver) {
        const std::string& file = segments_[segment].path;
        const Location at = record.at(segment);
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
                if (!record.entry) return undecodable();
                // A damaged record may not cut off sound ones; it may only stand in its own place.
                if (!good_crc) {
                    const auto last = resolver.last_index();
                    if (!last || record.entry->index().value() != last->value() + 1) return;
                }
                resolver.entry(*record.entry, file);
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
                               fmt::format("a record of type {}", record.type)});
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

    void find_start_up(const Resolver& resolver) {
        const std::vector<raft::WalSnapshot> usable = resolver.usable_snapshots();
        const auto is_usable = [&](const raft::SnapshotMeta& m) {
            return std::any_of(usable.begin(), usable.end(), [&](const auto& s) { return s.meta == m; });
        };
        std::optional<raft::SnapshotMeta> file_meta;
        for (const SnapFile& file : read_snap_dir(snap_, findings_)) {
            if (!resolver.records(file.meta)) {
                findings_.add(
                    {Severity::info, "orphan-snap", file.path, "no record in the log names this snapshot"});
            } else if (file.sound && !file_meta && is_usable(file.meta)) {
                file_meta = file.meta;
            }
        }
        std::error_code error;
        if (!fs::is_directory(snap_, error)) return;
        std::optional<raft::SnapshotMeta> record_meta;
        for (const raft::WalSnapshot& s : usable) {
            if (!record_meta || record_meta->index <= s.meta.index) record_meta = s.meta;
        }
        StartUp& start = header_.start_up.emplace();
        start.up_to_3_6 = start_from(file_meta.value_or(raft::SnapshotMeta{}));
        if (record_meta) {
            start.from_3_7 = start_from(*record_meta);
        } else {
            start.from_3_7.obstacle = "no snapshot record at or below the commit";
        }
        start.folder = fs::path(snap_).lexically_normal().native();
        start.received = received_dbs(snap_);
    }

    // The segment that reading from index `at` on begins with; nullopt when there is none.
    [[nodiscard]] std::optional<std::uint16_t> segment_of(LogIndex at) const {
        std::optional<std::uint16_t> found;
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            if (segments_[i].first_index <= at.value()) found = static_cast<std::uint16_t>(i);
        }
        return found;
    }

    [[nodiscard]] Start start_from(const raft::SnapshotMeta& snapshot) const {
        if (segment_of(snapshot.index)) return {snapshot, ""};
        return {std::nullopt,
                fmt::format("the log is to be read from index {} on, and its oldest segment begins at {}",
                            snapshot.index, segments_.front().first_index)};
    }

    void note_ghosts(const Resolver& resolver) {
        std::vector<LogIndex> starts;
        if (header_.start_up) {
            for (const Start* start : {&header_.start_up->up_to_3_6, &header_.start_up->from_3_7}) {
                if (start->snapshot) starts.push_back(start->snapshot->index);
            }
        } else {
            for (const raft::WalSnapshot& s : resolver.usable_snapshots()) starts.push_back(s.meta.index);
            if (starts.size() > 1) starts = {*std::max_element(starts.begin(), starts.end())};
        }
        std::sort(starts.begin(), starts.end());
        starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
        for (const LogIndex start : starts) {
            resolver.warn_of_ghosts(start, segment_of(start).value_or(0),
                                    [&](std::uint16_t file) { return segments_[file].path; });
        }
    }

    Header header_;
    std::vector<WalSegment> segments_;
    std::string snap_;  ///< the folder of .snap files
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

std::unique_ptr<Source> open_wal_dir(const std::string& directory, const std::string& snap_directory,
                                     Threads threads) {
    return std::make_unique<WalDir>(directory, snap_directory, threads);
}

}  // namespace kvctl::raftlog
