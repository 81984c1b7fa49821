#include "kvctl/raftlog/snap_dir.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/raftlog/file_reader.hpp"

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;
constexpr std::uint64_t k_largest_snap = std::uint64_t{1} << 31;

void read_snap_file(SnapFile& snap, FindingLog& findings) {
    const auto complain = [&](const char* code, const std::string& what) {
        findings.add({Severity::error, code, snap.path, what});
    };
    FileReader file(snap.path);
    if (file.size() > k_largest_snap) return complain("snap-unreadable", "larger than 2 GiB");
    std::uint32_t crc = 0;
    std::string_view data;
    proto::Reader r(file.view(0, static_cast<std::size_t>(file.size())));
    while (r.next()) {
        if (r.field() == 1) crc = static_cast<std::uint32_t>(r.number());
        if (r.field() == 2) data = r.bytes();
    }
    if (r.bad()) return complain("snap-unreadable", "the file's frame does not decode");
    if (crc == 0 || data.empty()) return complain("snap-empty", "an empty snapshot file");
    if (crc32c(0, data) != crc)
        return complain("snap-crc-mismatch", "the checksum does not match the content");
    const auto facts = raft::decode_snapshot(data);
    if (!facts) return complain("snap-unreadable", "the snapshot does not decode");
    if (facts->meta != snap.meta)
        return complain("snap-misnamed", "holds another position than its name says");
    snap.conf_state = facts->conf_state;
    snap.data_bytes = facts->data_bytes;
    snap.sound = true;
}

}  // namespace

bool parse_two_hex(std::string_view name, std::string_view suffix, std::uint64_t& first,
                   std::uint64_t& second) noexcept {
    if (name.size() != 33 + suffix.size() || name[16] != '-' || name.substr(33) != suffix) return false;
    const auto number = [](std::string_view digits, std::uint64_t& out) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
        return error == std::errc{} && end == digits.data() + digits.size();
    };
    return number(name.substr(0, 16), first) && number(name.substr(17, 16), second);
}

std::vector<LogIndex> received_dbs(const std::string& directory) {
    constexpr std::size_t k_digits = 16;
    namespace fs = std::filesystem;
    std::vector<LogIndex> out;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().native();
        std::uint64_t index = 0;
        const char* const digits_end = name.data() + std::min(k_digits, name.size());
        const auto [stop, fault] = std::from_chars(name.data(), digits_end, index, 16);
        if (fault != std::errc{} || stop != digits_end || name.substr(stop - name.data()) != ".snap.db") {
            continue;
        }
        out.emplace_back(index);
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<SnapFile> read_snap_dir(const std::string& directory, FindingLog& findings) {
    namespace fs = std::filesystem;
    std::vector<SnapFile> out;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
        std::uint64_t term = 0;
        std::uint64_t index = 0;
        if (!parse_two_hex(it->path().filename().native(), ".snap", term, index)) continue;
        SnapFile& snap = out.emplace_back();
        snap.path = it->path().native();
        snap.meta = {LogIndex{index}, Term{term}};
    }
    std::sort(out.begin(), out.end(), [](const SnapFile& a, const SnapFile& b) { return a.path > b.path; });
    for (SnapFile& snap : out) {
        try {
            read_snap_file(snap, findings);
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::io) throw;
            findings.add({Severity::error, "snap-unreadable", snap.path, e.what()});
        }
    }
    return out;
}

}  // namespace kvctl::raftlog
