#include "tests/support/wal_writer.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/proto.hpp"

namespace kvctl::test {
namespace {

std::string two_hex(std::uint64_t a, std::uint64_t b) {
    char text[40];
    std::snprintf(text, sizeof text, "%016llx-%016llx", static_cast<unsigned long long>(a),
                  static_cast<unsigned long long>(b));
    return text;
}

}  // namespace

WalWriter::WalWriter(std::string directory) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    begin_segment(0);
    snapshot(0, 0);
}

void WalWriter::begin_segment(std::uint64_t first_index) {
    path_ = directory_ + "/" + two_hex(sequence_, first_index) + ".wal";
    offset_ = 0;
    std::string crc_record;
    proto::append_number(crc_record, 1, 4);
    proto::append_number(crc_record, 2, crc_);
    frame(crc_record);
    std::string metadata;
    proto::append_number(metadata, 1, 0xABCD);
    proto::append_number(metadata, 2, 0x1234);
    record(1, metadata);
}

void WalWriter::raw(std::string_view bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::app)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    offset_ += bytes.size();
}

void WalWriter::frame(const std::string& record) {
    const std::uint64_t pad = (8 - record.size() % 8) % 8;
    const std::uint64_t length = record.size() | (pad == 0 ? 0 : (0x80 | pad) << 56);
    std::string out;
    for (int i = 0; i < 8; ++i) out += static_cast<char>((length >> (8 * i)) & 0xFF);
    raw(out + record + std::string(pad, '\0'));
}

void WalWriter::record(std::int64_t type, std::string_view data, std::uint32_t crc_error) {
    crc_ = crc32c(crc_, data);
    std::string message;
    proto::append_number(message, 1, static_cast<std::uint64_t>(type));
    proto::append_number(message, 2, crc_ ^ crc_error);
    proto::append_bytes(message, 3, data);
    frame(message);
}

void WalWriter::entry(std::uint64_t index, std::uint64_t term, std::string_view data, raft::EntryType type) {
    std::string message;
    raft::append_encoded(message, {LogIndex{index}, Term{term}, type, data, !data.empty()});
    record(2, message);
}

void WalWriter::hard_state(std::uint64_t term, std::uint64_t vote, std::uint64_t commit) {
    std::string message;
    proto::append_number(message, 1, term);
    proto::append_number(message, 2, vote);
    proto::append_number(message, 3, commit);
    record(3, message);
}

void WalWriter::snapshot(std::uint64_t index, std::uint64_t term) {
    std::string message;
    proto::append_number(message, 1, index);
    proto::append_number(message, 2, term);
    record(5, message);
}

void WalWriter::cut(std::uint64_t first_index) {
    ++sequence_;
    begin_segment(first_index);
}

void write_snap_file(const std::string& directory, std::uint64_t index, std::uint64_t term, bool sound) {
    std::filesystem::create_directories(directory);
    std::string conf_state;
    proto::append_number(conf_state, 1, 0xABCD);
    std::string metadata;
    proto::append_bytes(metadata, 1, conf_state);
    proto::append_number(metadata, 2, index);
    proto::append_number(metadata, 3, term);
    std::string snapshot;
    proto::append_bytes(snapshot, 1, "{}");
    proto::append_bytes(snapshot, 2, metadata);
    std::string file;
    proto::append_number(file, 1, crc32c(0, snapshot) ^ (sound ? 0U : 1U));
    proto::append_bytes(file, 2, snapshot);
    std::ofstream(directory + "/" + two_hex(term, index) + ".snap", std::ios::binary) << file;
}

}  // namespace kvctl::test
