#include "gen_log_forms.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace kvctl::gen {

namespace {

constexpr std::uint64_t k_segment_bytes = 64'000'000;
constexpr std::uint64_t k_entries_a_save =
    16;  ///< a busy server saves some entries and its hard state together
constexpr std::uint64_t k_cluster = 0xcdf818194e3a8c32U;

class File {
  public:
    explicit File(std::string path) : path_(std::move(path)), out_(path_, std::ios::binary) {}

    void write(std::string_view bytes) {
        out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        size_ += bytes.size();
    }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    void close() {
        out_.close();
        if (!out_) {
            throw std::runtime_error(path_ + ": cannot write");
        }
    }

  private:
    std::string path_;
    std::ofstream out_;
    std::uint64_t size_ = 0;
};

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> made{};
        for (std::uint32_t i = 0; i < made.size(); ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit) {
                value = (value >> 1U) ^ ((value & 1U) != 0 ? 0x82f63b78U : 0U);
            }
            made.at(i) = value;
        }
        return made;
    }();
    crc = ~crc;
    for (const char byte : bytes) {
        crc = (crc >> 8U) ^ table.at((crc ^ static_cast<unsigned char>(byte)) & 0xffU);
    }
    return ~crc;
}

Message hard_state(std::uint64_t term, std::uint64_t commit) {
    return Message().number(1, term).number(2, k_raft_member).number(3, commit);
}

class WalDirectory : public LogForm {
  public:
    explicit WalDirectory(std::string path) : path_(std::move(path)) {
        std::filesystem::create_directory(path_);
        begin_segment(0);
        record(5, Message().number(1, 0).number(2, 0).str());
    }

    void add(const LoggedEntry& logged) override {
        Message entry;
        entry.number(1, static_cast<std::uint64_t>(logged.entry.type));
        entry.number(2, logged.entry.term).number(3, logged.entry.index);
        if (!logged.entry.data.empty()) {
            entry.bytes(4, logged.entry.data);
        }
        record(2, entry.str());
        last_ = logged.entry;
        if (last_.index % k_entries_a_save == 0) {
            save();
        }
    }

    void finish() override {
        record(3, hard_state(last_.term, last_.index).str());
        const std::uint64_t size = segment_->size();
        segment_->close();
        if (size < k_segment_bytes) {
            std::filesystem::resize_file(segment_path_, k_segment_bytes);  // the tail is zeros set aside
        }
    }

  private:
    void save() {
        record(3, hard_state(last_.term, last_.index).str());
        if (segment_->size() >= k_segment_bytes) {
            segment_->close();
            begin_segment(last_.index + 1);
            record(3, hard_state(last_.term, last_.index).str());
        }
    }

    void begin_segment(std::uint64_t first_index) {
        std::array<char, 40> name{};
        std::snprintf(name.data(), name.size(), "%016llx-%016llx.wal",
                      static_cast<unsigned long long>(sequence_++),
                      static_cast<unsigned long long>(first_index));
        segment_path_ = path_ + "/" + name.data();
        segment_ = std::make_unique<File>(segment_path_);
        frame(Message().number(1, 4).number(2, crc_));
        record(1, Message().number(1, k_raft_member).number(2, k_cluster).str());
    }

    void record(std::uint64_t type, std::string_view data) {
        crc_ = crc32c(crc_, data);
        frame(Message().number(1, type).number(2, crc_).bytes(3, data));
    }

    /// Length, padding in its high byte when there is some, the record, zeros up to a multiple of 8.
    void frame(const Message& record) {
        const std::uint64_t size = record.str().size();
        const std::uint64_t padding = (8 - size % 8) % 8;
        const std::uint64_t length = padding == 0 ? size : size | ((0x80U | padding) << 56U);
        std::array<char, 8> head{};
        for (unsigned i = 0; i < 8; ++i) {
            head.at(i) = static_cast<char>((length >> (8 * i)) & 0xffU);
        }
        segment_->write({head.data(), head.size()});
        segment_->write(record.str());
        segment_->write(std::string_view("\0\0\0\0\0\0\0", padding));
    }

    std::string path_;
    std::string segment_path_;
    std::unique_ptr<File> segment_;
    std::uint64_t sequence_ = 0;
    std::uint32_t crc_ = 0;
    Entry last_;
};

std::string escaped(std::string_view bytes) {
    std::string text = "\"";
    for (const char byte : bytes) {
        const auto code = static_cast<unsigned char>(byte);
        if (byte == '\n') {
            text += "\\n";
        } else if (byte == '"' || byte == '\\') {
            text += {'\\', byte};
        } else if (code >= 0x20 && code < 0x7f) {
            text += byte;
        } else {
            text += {'\\', static_cast<char>('0' + (code >> 6U)),
                     static_cast<char>('0' + ((code >> 3U) & 7U)), static_cast<char>('0' + (code & 7U))};
        }
    }
    return text + '"';
}

class DumpText : public LogForm {
  public:
    DumpText(std::string path, std::uint64_t last) : out_(std::move(path)), last_(last) {
        const std::string index = std::to_string(last);
        out_.write("Snapshot:\nempty\nStart dumping log entries from snapshot.\nWAL metadata:\nnodeID=" +
                   hex(k_raft_member) + " clusterID=" + hex(k_cluster) + " term=2 commitIndex=" + index +
                   " vote=" + hex(k_raft_member) + "\nWAL entries: " + index + "\nlastIndex=" + index +
                   "\nterm\t     index\ttype\tdata\n");
    }

    void add(const LoggedEntry& logged) override {
        std::array<char, 40> head{};
        std::snprintf(head.data(), head.size(), "%4llu\t%10llu\t",
                      static_cast<unsigned long long>(logged.entry.term),
                      static_cast<unsigned long long>(logged.entry.index));
        std::string line = head.data();
        if (logged.entry.type == 1) {
            line += "conf\tmethod=ConfChangeAddNode id=" + hex(k_raft_member);
        } else {
            line += "norm\t" + request(logged);
        }
        out_.write(line + '\n');
    }

    void finish() override {
        out_.write("\nEntry types (Normal,ConfigChange) count is : " + std::to_string(last_) + "\n");
        out_.close();
    }

  private:
    static std::string hex(std::uint64_t number) {
        std::array<char, 20> text{};
        std::snprintf(text.data(), text.size(), "%llx", static_cast<unsigned long long>(number));
        return text.data();
    }

    static std::string request(const LoggedEntry& logged) {
        const std::vector<Operation>& operations = logged.operations;
        if (logged.entry.data.empty()) {
            return "";
        }
        const std::string header = "header:<ID:" + std::to_string(logged.request_id) + " > ";
        if (operations.empty()) {
            const std::uint64_t lease = static_cast<std::uint64_t>(k_first_lease) + logged.entry.index - 3;
            return header + "lease_grant:<TTL:" + std::to_string(lease_ttl(logged.entry.index - 3)) +
                   " ID:" + std::to_string(lease) + " > ";
        }
        if (operations.size() == 1) {
            return header + operation("", operations.front());
        }
        std::string txn;
        for (const Operation& one : operations) {
            txn += "success:<" + operation("request_", one) + "> ";
        }
        return header + "txn:<" + txn + "> ";
    }

    static std::string operation(const std::string& prefix, const Operation& one) {
        if (one.remove) {
            return prefix + "delete_range:<key:" + escaped(one.key) + " > ";
        }
        const std::string lease = one.lease == 0 ? "" : "lease:" + std::to_string(one.lease) + " ";
        return prefix + "put:<key:" + escaped(one.key) + " value:" + escaped(one.value) + " " + lease + "> ";
    }

    File out_;
    std::uint64_t last_;
};

std::string base64(std::string_view bytes) {
    static constexpr std::string_view k_digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            group = (group << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            text += i + j <= bytes.size() ? k_digits[(group >> (18 - 6 * j)) & 63U] : '=';
        }
    }
    return text;
}

class JsonLines : public LogForm {
  public:
    JsonLines(std::string path, std::uint64_t last) : out_(std::move(path)) {
        out_.write("{\"format\":\"kvctl.raftlog/1\",\"hard_state\":{\"term\":2,\"vote\":" +
                   std::to_string(k_raft_member) + ",\"commit\":" + std::to_string(last) +
                   "},\"snapshot\":{\"index\":0,\"term\":0}}\n");
    }

    void add(const LoggedEntry& logged) override {
        const Entry& entry = logged.entry;
        out_.write("{\"index\":" + std::to_string(entry.index) + ",\"term\":" + std::to_string(entry.term) +
                   ",\"type\":\"" + (entry.type == 1 ? "EntryConfChange" : "EntryNormal") + "\",\"data\":\"" +
                   base64(entry.data) + "\"}\n");
    }

    void finish() override { out_.close(); }

  private:
    File out_;
};

}  // namespace

std::unique_ptr<LogForm> make_log_form(const std::string& form, const std::string& path, std::uint64_t last) {
    if (form == "wal") {
        return std::make_unique<WalDirectory>(path);
    }
    if (form == "dump") {
        return std::make_unique<DumpText>(path, last);
    }
    if (form == "jsonl") {
        return std::make_unique<JsonLines>(path, last);
    }
    throw std::invalid_argument("--format is wal, dump or jsonl");
}

}  // namespace kvctl::gen
