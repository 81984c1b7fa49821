#include "kvctl/store/dqlite/new_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/dqlite/rescue.hpp"
#include "kvctl/dqlite/snapshot.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

// A file of the new folder, synced by close().
class Output {
  public:
    Output(const std::string& path, mode_t mode)
        : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) {
        if (fd_ < 0) throw io_error(path, "cannot create", errno);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() {
        if (fd_ >= 0) ::close(fd_);
    }
    void add(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw io_error(path_, "cannot write", n < 0 ? errno : ENOSPC);
            bytes.remove_prefix(static_cast<std::size_t>(n));
            written_ += static_cast<std::uint64_t>(n);
        }
    }
    std::uint64_t close() {
        if (::fsync(fd_) != 0) throw io_error(path_, "cannot sync", errno);
        ::close(fd_);
        fd_ = -1;
        return written_;
    }

  private:
    std::string path_;
    int fd_;
    std::uint64_t written_ = 0;
};

std::uint64_t write_file(const std::string& path, std::string_view content, mode_t mode = 0600) {
    Output out(path, mode);
    out.add(content);
    return out.close();
}

std::uint64_t largest_version(const dqlite::Folder& folder) {
    return folder.metadata ? folder.metadata->version : 0;
}

std::uint64_t newest_timestamp(const dqlite::Folder& folder) {
    std::uint64_t newest = 0;
    for (const dqlite::SnapshotFile& s : folder.snapshots) newest = std::max(newest, s.timestamp);
    return newest;
}

std::uint64_t largest_snapshot_index(const dqlite::Folder& folder) {
    std::uint64_t largest = 0;
    for (const dqlite::SnapshotFile& s : folder.snapshots) largest = std::max(largest, s.index.value());
    return largest;
}

// The lines of a YAML list of flat maps, an item each.
std::vector<std::string> items_of(std::string_view yaml) {
    std::vector<std::string> items;
    while (!yaml.empty()) {
        const std::size_t end = yaml.find('\n');
        const std::string_view line = yaml.substr(0, end == std::string_view::npos ? yaml.size() : end + 1);
        if (line.starts_with("- ") || items.empty()) items.emplace_back();
        items.back() += line;
        yaml.remove_prefix(line.size());
    }
    return items;
}

// The number behind `key` in a flat map; nullopt without one.
std::optional<std::uint64_t> number_of(std::string_view map, std::string_view key) {
    const std::string wanted = std::string(key) + ": ";
    std::size_t at = map.find(wanted);
    while (at != std::string_view::npos && at > 0 && map[at - 1] != '\n' && map[at - 1] != ' ')
        at = map.find(wanted, at + 1);
    if (at == std::string_view::npos) return std::nullopt;
    at += wanted.size();
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(map.data() + at, map.data() + map.size(), n);
    return error == std::errc() && end != map.data() + at ? std::optional(n) : std::nullopt;
}

// The member as the cluster's only one: role 0, which is a voter here.
std::string as_voter(std::string item) {
    const std::size_t at = item.find("Role: ");
    if (at == std::string::npos) return item;
    const std::size_t from = at + std::strlen("Role: ");
    const std::size_t end = std::min(item.size(), item.find('\n', from));
    return item.replace(from, end - from, "0");
}

constexpr std::size_t k_largest_yaml = std::size_t{1} << 20;

// What the new folder's cluster.yaml and info.yaml hold; nullopt: none.
struct Yaml {
    std::optional<std::string> cluster;
    std::optional<std::string> info;
    std::vector<std::string> notes;
};

Yaml yaml_of(const dqlite::State& source, std::optional<std::uint64_t> voter) {
    Yaml yaml;
    if (source.folder.has("cluster.yaml")) {
        yaml.cluster = read_start(source.folder.file("cluster.yaml"), k_largest_yaml);
        if (voter) {
            std::string only;
            for (const std::string& item : items_of(*yaml.cluster)) {
                if (number_of(item, "ID") == voter) only = as_voter(item);
            }
            yaml.cluster = std::move(only);
            if (yaml.cluster->empty()) {
                yaml.cluster.reset();
                yaml.notes.emplace_back("cluster.yaml does not name the voter and is not copied");
            }
        }
    }
    if (source.folder.has("info.yaml")) {
        std::string info = read_start(source.folder.file("info.yaml"), k_largest_yaml);
        if (voter && number_of(info, "ID") != voter) {
            yaml.notes.emplace_back(
                "info.yaml is another member's and is not copied: the voter keeps its own");
        } else {
            yaml.info = voter ? as_voter(std::move(info)) : std::move(info);
            if (!voter && source.configuration.size() > 1)
                yaml.notes.emplace_back("info.yaml is this member's: each of the others keeps its own");
        }
    }
    return yaml;
}

std::uint64_t write_yaml(const Yaml& yaml, const std::string& folder) {
    std::uint64_t bytes = 0;
    if (yaml.cluster) bytes += write_file(folder + "/cluster.yaml", *yaml.cluster);
    if (yaml.info) bytes += write_file(folder + "/info.yaml", *yaml.info);
    return bytes;
}

std::uint64_t pack(const NewFolderRequest& request, const std::string& path, NewFolder& made) {
    const SourceFile database(request.database_file);
    struct stat st {};
    if (::fstat(database.descriptor(), &st) != 0) throw io_error(request.database_file, "cannot read", errno);
    const auto size = static_cast<std::uint64_t>(st.st_size);
    made.unpacked_bytes = dqlite::unpacked_bytes(request.database, size);
    Output out(path, 0644);
    std::string buffer;
    dqlite::write_snapshot(
        request.database, size,
        [&](std::uint64_t offset, std::size_t length) {
            buffer.resize(length);
            const ssize_t n =
                ::pread(database.descriptor(), buffer.data(), length, static_cast<off_t>(offset));
            if (n <= 0) throw io_error(request.database_file, "cannot read", n < 0 ? errno : EIO);
            buffer.resize(static_cast<std::size_t>(n));
            // dqlite's databases are in WAL mode.
            for (std::uint64_t at = 18; at < 20; ++at) {
                if (at >= offset && at - offset < buffer.size()) buffer[at - offset] = 2;
            }
            return std::string_view(buffer);
        },
        [&](std::string_view bytes) { out.add(bytes); });
    return out.close();
}

// What is had of a directory that no new one can be made of.
std::string database_alone(const dqlite::State& source) {
    return command_on(source.folder.path, "import --to kine -o NEW") + " takes the database alone";
}

// Above its numbers there must be others.
void check_raisable(const dqlite::State& source, const dqlite::Extent& extent) {
    const std::uint64_t term = std::max(source.term, extent.term).value();
    if (term <= dqlite::k_largest_number) return;
    throw Error(ErrorKind::damaged, fmt::format("{}: an entry's term is {}, which no node counts up to; {}",
                                                source.folder.path, term, database_alone(source)));
}

void verify(const std::string& folder, const NewFolderRequest& request, const NewFolder& made,
            const dqlite::SnapshotMeta& meta) {
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: the new directory was thrown away: {}", request.target, what));
    };
    dqlite::State back = dqlite::read_state(folder);
    if (!back.findings.empty()) fail(back.findings.front().where + ": " + back.findings.front().what);
    if (back.databases.size() != 1 || back.databases.front().name() != request.database ||
        back.applied != made.index)
        fail("it does not hold the one database at its index");
    if (back.configuration != meta.configuration || back.configuration_index != meta.configuration_index ||
        back.term != made.term)
        fail("its members or its term are other ones");
    const SourceFile source(request.database_file);
    std::string a(std::size_t{1} << 20, '\0');
    std::string b = a;
    for (off_t at = 0;;) {
        check_interrupt();
        const ssize_t n = ::pread(source.descriptor(), a.data(), a.size(), at);
        if (n < 0) throw io_error(request.database_file, "cannot read", errno);
        const ssize_t m = ::pread(back.databases.front().descriptor(), b.data(), b.size(), at);
        if (m < 0) throw io_error(request.target, "cannot read the new directory's database back", errno);
        if (at == 0 && n >= 20) a[18] = a[19] = 2;
        if (n != m || std::memcmp(a.data(), b.data(), static_cast<std::size_t>(n)) != 0)
            fail("its pages are not the compacted database's");
        if (n == 0) return;
        at += n;
    }
}

}  // namespace

dqlite::Configuration members_of(const dqlite::State& source, std::optional<std::uint64_t> voter) {
    if (!voter) {
        if (dqlite::voters(source.configuration) > 0) return source.configuration;
        throw Error(ErrorKind::refused,
                    fmt::format("{}: no configuration with a voter can be read in it, and no node starts on "
                                "a directory without; {}",
                                source.folder.path, database_alone(source)));
    }
    std::string ids;
    for (const dqlite::Member& m : source.configuration) {
        if (m.id == *voter) return {{m.id, m.address, dqlite::Role::voter}};
        ids += fmt::format("{}{} ({})", ids.empty() ? "" : ", ", m.id, m.address);
    }
    throw usage_error(
        fmt::format("{}: --voter {} is none of its members: {}", source.folder.path, *voter, ids));
}

void check_new_folder(const dqlite::State& source, const std::string& database,
                      std::optional<std::uint64_t> voter) {
    (void)members_of(source, voter);
    if (source.databases.size() > 1) {
        throw Error(ErrorKind::refused,
                    fmt::format("{}: it holds other databases beside {}, which a compacted directory would "
                                "lose; {}",
                                source.folder.path, escape(database), database_alone(source)));
    }
    if (const Finding* const f = source.folder.implausible()) {
        throw Error(ErrorKind::damaged, fmt::format("{}: {}: {}; {}", source.folder.path, f->where, f->what,
                                                    database_alone(source)));
    }
    check_raisable(source, {});
}

std::vector<std::string> yaml_notes(const dqlite::State& source, std::optional<std::uint64_t> voter) {
    return yaml_of(source, voter).notes;
}

NewFolder write_new_folder(const dqlite::State& source, const NewFolderRequest& request) {
    NewFolder made;
    dqlite::SnapshotMeta meta;
    meta.configuration = members_of(source, request.voter);
    // Above all that the folder knows, entries behind damage and in files that were set aside included.
    const dqlite::Extent extent = dqlite::extent_of(source.folder);
    check_raisable(source, extent);
    made.term = Term(std::max(source.term, extent.term).value() + 1);
    made.index = LogIndex(
        std::max({source.last_index.value(), largest_snapshot_index(source.folder), extent.closed.value()}) +
        extent.unnumbered + 1);
    meta.configuration_index = request.voter ? made.index : source.configuration_index;
    TempFolder folder(request.target);
    const std::string snapshot =
        fmt::format("snapshot-{}-{}-{}", made.term, made.index, newest_timestamp(source.folder) + 1);
    made.bytes += pack(request, folder.path() + "/" + snapshot, made);
    made.bytes += write_file(folder.path() + "/" + snapshot + ".meta", dqlite::encode(meta), 0644);
    const dqlite::Metadata metadata{largest_version(source.folder) + 1, made.term, 0};
    made.bytes += write_file(folder.path() + (metadata.version % 2 == 1 ? "/metadata1" : "/metadata2"),
                             dqlite::encode(metadata), 0644);
    made.bytes += write_yaml(yaml_of(source, request.voter), folder.path());
    verify(folder.path(), request, made, meta);
    struct stat st {};
    const bool known = ::stat(source.folder.path.c_str(), &st) == 0;
    folder.publish_as_new(request.target, known ? st.st_mode & 07777 : 0700);
    return made;
}

}  // namespace kvctl::store
