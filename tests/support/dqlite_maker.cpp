#include "tests/support/dqlite_maker.hpp"

#include <lz4frame.h>

#include <cstdio>
#include <filesystem>

#include "tests/support/temp_dir.hpp"

namespace kvctl::test {
namespace {

std::size_t page_size_of(const std::string& sqlite_file) {
    return static_cast<std::size_t>(static_cast<unsigned char>(sqlite_file.at(16))) << 8 |
           static_cast<unsigned char>(sqlite_file.at(17));
}

template <class Integer>
std::string le(Integer n) {
    std::string out;
    for (std::size_t i = 0; i < sizeof(Integer); ++i) out += static_cast<char>(n >> (8 * i) & 0xFF);
    return out;
}

std::string be4(std::uint32_t n) {
    return {static_cast<char>(n >> 24), static_cast<char>(n >> 16 & 0xFF), static_cast<char>(n >> 8 & 0xFF),
            static_cast<char>(n & 0xFF)};
}

std::string text(const std::string& t) {
    std::string out = t;
    out.resize((t.size() / 8 + 1) * 8, '\0');
    return out;
}

std::string digits(std::uint64_t n) {
    std::string out = std::to_string(n);
    return std::string(16 - out.size(), '0') + out;
}

std::string frames(const std::string& database,
                   const std::vector<std::pair<std::uint64_t, std::string>>& pages, bool commit) {
    std::string out = std::string("\x01\x02", 2) + std::string(6, '\0') + text(database) +
                      le<std::uint64_t>(0) + le<std::uint32_t>(0) + std::string(1, commit ? '\1' : '\0') +
                      std::string(3, '\0') + le(static_cast<std::uint32_t>(pages.size())) +
                      le(static_cast<std::uint16_t>(pages.front().second.size())) + std::string(2, '\0');
    for (const auto& [number, content] : pages) out += le<std::uint64_t>(number);
    for (const auto& [number, content] : pages) out += content;
    return out;
}

}  // namespace

std::uint32_t slow_dqlite_crc(const std::string& bytes) {
    std::uint32_t crc = 0;
    for (const char c : bytes) {
        crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 24;
        for (int i = 0; i < 8; ++i) crc = (crc & 0x80000000U) != 0 ? (crc << 1) ^ 0x04C11DB7U : crc << 1;
    }
    return crc;
}

DqliteMaker::DqliteMaker(std::string database, std::uint64_t term)
    : database_(std::move(database)), term_(term) {
    configure(configuration_);
    use(database_);
}

void DqliteMaker::use(const std::string& database) {
    database_ = database;
    raw(1, std::string("\x01\x01", 2) + std::string(6, '\0') + text(database_));
}

void DqliteMaker::raw(std::uint8_t type, const std::string& data) {
    entries_.push_back({term_, type, data});
    ++index_;
}

void DqliteMaker::commit(const std::string& sqlite_file, bool whole) {
    std::string next = read_file(sqlite_file);
    next[18] = next[19] = 2;
    std::vector<std::pair<std::uint64_t, std::string>> pages;
    page_size_ = page_size_of(next);
    std::string& image = images_[database_];
    for (std::size_t at = 0; at < next.size(); at += page_size_) {
        if (image.substr(std::min(at, image.size()), page_size_) != next.substr(at, page_size_))
            pages.emplace_back(at / page_size_ + 1, next.substr(at, page_size_));
    }
    if (!whole) {
        raw(1, frames(database_, pages, false));
        return;
    }
    image = next;
    raw(1, frames(database_, pages, true));
}

void DqliteMaker::barrier() {
    raw(2, std::string("garbage!"));
}

void DqliteMaker::configure(const dqlite::Configuration& configuration) {
    configuration_ = configuration;
    raw(3, dqlite::encode(configuration));
    configuration_index_ = index_;
}

void DqliteMaker::undo() {
    raw(1, frames(database_, {{1, std::string(page_size_, 'x')}}, false));
    raw(1, std::string("\x01\x03", 2) + std::string(6, '\0') + le<std::uint64_t>(0));
}

void DqliteMaker::snapshot(bool compressed, bool wal) {
    std::string content = le<std::uint64_t>(1) + le<std::uint64_t>(images_.size());
    for (const auto& [name, image] : images_) {
        content += text(name);
        if (!wal) {
            content += le<std::uint64_t>(image.size()) + le<std::uint64_t>(0) + image;
            continue;
        }
        std::string log = std::string("\x37\x7f\x06\x82", 4) + be4(3007000) +
                          be4(static_cast<std::uint32_t>(page_size_)) + std::string(20, '\0');
        const std::size_t pages = image.size() / page_size_;
        for (std::size_t i = 0; i < pages; ++i) {
            log += be4(static_cast<std::uint32_t>(i + 1)) +
                   be4(i + 1 == pages ? static_cast<std::uint32_t>(pages) : 0) + std::string(16, '\0') +
                   image.substr(i * page_size_, page_size_);
        }
        content += le<std::uint64_t>(0) + le<std::uint64_t>(log.size()) + log;
    }
    if (compressed) {
        LZ4F_preferences_t as_dqlite{};
        as_dqlite.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
        as_dqlite.frameInfo.contentSize = content.size();
        std::string packed(LZ4F_compressFrameBound(content.size(), &as_dqlite), '\0');
        packed.resize(
            LZ4F_compressFrame(packed.data(), packed.size(), content.data(), content.size(), &as_dqlite));
        content = packed;
    }
    const std::string name = "snapshot-" + std::to_string(term_) + "-" + std::to_string(index_) + "-" +
                             std::to_string(1000 + index_);
    const std::string configuration = dqlite::encode(configuration_);
    const std::string covered =
        le(configuration_index_) + le<std::uint64_t>(configuration.size()) + configuration;
    files_[name] = content;
    files_[name + ".meta"] = le<std::uint64_t>(1) + le<std::uint64_t>(slow_dqlite_crc(covered)) + covered;
}

// Batches of three.
std::string DqliteMaker::segment() {
    std::string out = le<std::uint64_t>(1);
    for (std::size_t at = 0; at < entries_.size(); at += 3) {
        const std::size_t n = std::min<std::size_t>(3, entries_.size() - at);
        std::string header = le<std::uint64_t>(n);
        std::string data;
        for (std::size_t i = at; i < at + n; ++i) {
            const Entry& e = entries_[i];
            header += le(e.term) + std::string(1, static_cast<char>(e.type)) + std::string(3, '\0') +
                      le(static_cast<std::uint32_t>(e.data.size()));
            data += e.data;
            data.resize((data.size() + 7) / 8 * 8, '\0');
        }
        out += le(slow_dqlite_crc(header)) + le(slow_dqlite_crc(data)) + header + data;
    }
    entries_.clear();
    return out;
}

void DqliteMaker::close_segment() {
    files_[digits(segment_first_) + "-" + digits(index_)] = segment();
    segment_first_ = index_ + 1;
}

void DqliteMaker::write(const std::string& folder) {
    std::filesystem::create_directories(folder);
    if (!entries_.empty()) files_["open-1"] = segment() + std::string(65536, '\0');
    files_["metadata1"] = le<std::uint64_t>(1) + le<std::uint64_t>(1) + le(term_) + le<std::uint64_t>(1);
    files_.try_emplace("dqlite-lock", "");
    for (const auto& [name, content] : files_) write_file(folder + "/" + name, content);
}

}  // namespace kvctl::test
