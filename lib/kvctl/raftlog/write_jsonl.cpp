#include "kvctl/raftlog/write_jsonl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::raftlog {
namespace {

constexpr std::size_t k_buffer = std::size_t{1} << 20;

void sync_directory_of(const std::string& path) {
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    const std::string directory = parent.empty() ? "." : parent.native();
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) throw io_error(directory, "open", errno);
    const int failed = ::fsync(fd) != 0 ? errno : 0;
    ::close(fd);
    // Some file systems do not sync directories at all.
    if (failed != 0 && failed != EINVAL) throw io_error(directory, "sync", failed);
}

void append_field(std::string& out, const char* name, std::uint64_t value) {
    out += name;
    out += std::to_string(value);
}

}  // namespace

JsonlWriter::JsonlWriter(const std::string& path) : path_(path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno == EEXIST) {
        throw Error(ErrorKind::refused, path + ": exists already; kvctl never overwrites a file");
    }
    if (fd_ < 0) throw io_error(path, "create", errno);
}

JsonlWriter::~JsonlWriter() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
}

void JsonlWriter::header(const raft::Dummy& snapshot, const std::optional<raft::HardState>& hard_state) {
    buffer_ += R"({"format":"kvctl.raftlog/1")";
    if (hard_state) {
        append_field(buffer_, R"(,"hard_state":{"term":)", hard_state->term.value());
        append_field(buffer_, R"(,"vote":)", hard_state->vote);
        append_field(buffer_, R"(,"commit":)", hard_state->commit.value());
        buffer_ += '}';
    }
    if (snapshot.term) {
        append_field(buffer_, R"(,"snapshot":{"index":)", snapshot.index.value());
        append_field(buffer_, R"(,"term":)", snapshot.term->value());
        buffer_ += '}';
    }
    buffer_ += "}\n";
}

void JsonlWriter::entry(const raft::EntryView& entry) {
    append_field(buffer_, R"({"index":)", entry.index.value());
    append_field(buffer_, R"(,"term":)", entry.term.value());
    buffer_ += R"(,"type":")";
    buffer_ += raft::name_of(entry.type);
    buffer_ += '"';
    if (entry.data_present) {
        buffer_ += R"(,"data":")";
        buffer_ += base64_encode(entry.data);
        buffer_ += '"';
    }
    buffer_ += "}\n";
    if (buffer_.size() >= k_buffer) flush();
}

void JsonlWriter::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const ::ssize_t n = ::write(fd_, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw io_error(path_, "write", n < 0 ? errno : ENOSPC);
        rest.remove_prefix(static_cast<std::size_t>(n));
        bytes_ += static_cast<std::uint64_t>(n);
    }
    buffer_.clear();
}

void JsonlWriter::commit() {
    flush();
    if (::fsync(fd_) != 0) throw io_error(path_, "sync", errno);
    sync_directory_of(path_);
    if (::close(std::exchange(fd_, -1)) != 0) {
        const int failed = errno;
        ::unlink(path_.c_str());
        throw io_error(path_, "close", failed);
    }
}

raft::CompactedLayout write_compacted(Source& source, LogIndex at, const std::string& path) {
    const Header& header = source.header();
    if (!header.has_data) {
        throw Error(ErrorKind::refused,
                    header.path + ": this dump does not hold the entries' data; dump with --raw");
    }
    raft::CompactionBuilder layout(header.snapshot, at);
    raft::Dummy dummy = header.snapshot;
    if (at > header.snapshot.index) {
        std::optional<Term> term;
        source.each(Want::facts, [&](const Item& item) {
            if (item.facts.index == at) term = item.facts.term;
            return item.facts.index < at;
        });
        if (!term) {
            throw Error(ErrorKind::refused, fmt::format("{}: holds no entry {}", header.path, at));
        }
        dummy = {at, term};
    }
    JsonlWriter out(path);
    out.header(dummy, header.hard_state);
    source.each(Want::data, [&](const Item& item) {
        layout.add(item.facts);
        if (item.facts.index > dummy.index || at <= header.snapshot.index) out.entry(item.entry());
        return true;
    });
    out.commit();
    return layout.result();
}

}  // namespace kvctl::raftlog
