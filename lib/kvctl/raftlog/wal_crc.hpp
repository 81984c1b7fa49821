#pragma once
#include <cstdint>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/raftlog/wal_batch.hpp"
#include "kvctl/raftlog/wal_frame.hpp"

namespace kvctl::raftlog {

/// The running checksum over all records of all segments.
class CrcChain {
  public:
    /// False when the record's checksum is not the expected one. Whether its data or its stored checksum is
    /// damaged only the next record tells: that may continue from either, so one damaged record is reported
    /// once.
    bool follow(const FramedRecord& record) noexcept {
        const bool is_crc = record.type == static_cast<std::int64_t>(RecordType::crc);
        const auto expected_from = [&](std::uint32_t crc) {
            if (is_crc) return crc;
            return crc == record.from ? record.computed : crc32c(crc, record.data);
        };
        const std::uint32_t expected = expected_from(crc_);
        const bool good = lost_ || record.crc == expected || (is_crc && crc_ == 0) ||
                          (doubtful_ && record.crc == expected_from(other_));
        other_ = expected;
        doubtful_ = !good;
        crc_ = record.crc;
        lost_ = false;
        return good;
    }
    /// A record was lost: the next one cannot be checked.
    void lose() noexcept { lost_ = true; }

  private:
    std::uint32_t crc_ = 0;
    std::uint32_t other_ = 0;
    bool doubtful_ = false;
    bool lost_ = false;
};

}  // namespace kvctl::raftlog
