#include "kvctl/raftlog/wal_batch.hpp"

#include <algorithm>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raft/entry.hpp"
#include "kvctl/raftlog/wal_frame.hpp"

namespace kvctl::raftlog {
namespace {

// Stays in a core's own cache from reading to decoding; with less, two threads wait for each other too often.
constexpr std::uint64_t k_batch = std::uint64_t{512} << 10;

}  // namespace

bool WalFramer::fill(WalBatch& batch) {
    check_interrupt();
    batch.records.clear();
    batch.end = WalBatch::End::none;
    if (!file_) {
        if (segment_ == segments_.size()) return false;
        file_.emplace(segments_[segment_].path);
        offset_ = 0;
    }
    batch.segment = segment_;
    batch.offset = offset_;
    std::string_view window = read(batch, k_batch);
    while (batch.end == WalBatch::End::none) {
        const WalFrame frame = read_frame(window, file_->size() - offset_);
        switch (frame.kind) {
            case WalFrame::Kind::record: {
                batch.records.emplace_back(offset_, frame);
                offset_ += frame.size;
                window.remove_prefix(static_cast<std::size_t>(frame.size));
                break;
            }
            case WalFrame::Kind::partial:
                if (!batch.records.empty()) return true;
                window = read(batch, frame.size);
                break;
            case WalFrame::Kind::end:
                end_segment(batch, WalBatch::End::complete);
                break;
            case WalFrame::Kind::cut_short:
                end_segment(batch, WalBatch::End::cut_short);
                break;
        }
    }
    return true;
}

std::string_view WalFramer::read(WalBatch& batch, std::uint64_t at_most) const {
    const auto n = static_cast<std::size_t>(std::min(at_most, file_->size() - offset_));
    if (batch.bytes.size() < n) batch.bytes.resize(n);
    file_->read(offset_, batch.bytes.data(), n);
    return {batch.bytes.data(), n};
}

void WalFramer::end_segment(WalBatch& batch, WalBatch::End end) noexcept {
    batch.end = end;
    batch.end_offset = offset_;
    file_.reset();
    ++segment_;
}

void decode(WalBatch& batch) noexcept {
    std::uint32_t before = 0;
    for (FramedRecord& r : batch.records) {
        const auto record = decode_record(r.message);
        if (!record) continue;
        r.from = before;
        r.computed = crc32c(before, record->data);
        r.crc = before = record->crc;
        r.decodes = true;
        r.type = record->type;
        r.data = record->data;
        if (record->type != static_cast<std::int64_t>(RecordType::entry)) continue;
        if (const auto entry = raft::decode_entry(record->data)) r.entry.emplace(*entry, r.at(batch.segment));
    }
}

}  // namespace kvctl::raftlog
