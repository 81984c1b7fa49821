#include "kvctl/dqlite/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>
#include <tuple>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/read_start.hpp"

namespace kvctl::dqlite {
namespace {

constexpr std::string_view k_snapshot = "snapshot-";
constexpr std::string_view k_meta = ".meta";
constexpr std::string_view k_open = "open-";
constexpr std::string_view k_set_aside = "corrupt-";
constexpr const char* k_implausible = "implausible-number";

// "12-34-56" taken apart; nullopt where a part is no number or there are more or fewer.
template <std::size_t n>
std::optional<std::array<std::uint64_t, n>> numbers(std::string_view text) {
    std::array<std::uint64_t, n> found{};
    for (std::size_t i = 0; i < n; ++i) {
        const std::string_view part = text.substr(0, i + 1 < n ? text.find('-') : std::string_view::npos);
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), found[i]);
        if (part.empty() || error != std::errc() || end != part.data() + part.size()) return std::nullopt;
        text.remove_prefix(std::min(text.size(), part.size() + 1));
    }
    return found;
}

// Segments that are closed have 16 digits or more on either side, which no other name has.
std::optional<std::array<std::uint64_t, 2>> closed_name(std::string_view name) {
    const std::size_t dash = name.find('-');
    if (dash == std::string_view::npos || dash < 16 || name.size() - dash - 1 < 16) return std::nullopt;
    return numbers<2>(name);
}

struct Named {
    std::string name;
    std::uint64_t bytes = 0;
};

std::vector<Named> entries_of(const std::string& path, std::vector<std::string>& not_visible) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
    if (!dir) throw io_error(path, "cannot open", errno);
    std::vector<Named> all;
    for (;;) {
        errno = 0;
        const dirent* const e = ::readdir(dir.get());
        if (e == nullptr) break;
        const std::string name = e->d_name;
        if (name == "." || name == "..") continue;
        struct stat st {};
        if (::fstatat(::dirfd(dir.get()), e->d_name, &st, 0) != 0) {
            not_visible.push_back(name);
        } else if (S_ISREG(st.st_mode)) {
            all.push_back({name, static_cast<std::uint64_t>(st.st_size)});
        }
    }
    if (errno != 0) throw io_error(path, "cannot list", errno);
    std::sort(all.begin(), all.end(), [](const Named& a, const Named& b) { return a.name < b.name; });
    return all;
}

// A node that renames a segment meanwhile may have it under neither name: until two looks see the same.
std::vector<Named> settled_entries_of(const std::string& path, std::vector<std::string>& not_visible) {
    constexpr int k_looks = 50;
    std::vector<Named> all = entries_of(path, not_visible);
    for (int look = 1; look < k_looks; ++look) {
        not_visible.clear();
        std::vector<Named> again = entries_of(path, not_visible);
        const bool same = std::equal(all.begin(), all.end(), again.begin(), again.end(),
                                     [](const Named& a, const Named& b) { return a.name == b.name; });
        all = std::move(again);
        if (same) break;
    }
    return all;
}

void add(Findings& findings, Finding::Severity severity, const char* code, std::string where,
         std::string what) {
    Finding f;
    f.severity = severity;
    f.code = code;
    f.where = std::move(where);
    f.what = std::move(what);
    findings.push_back(std::move(f));
}

void read_metadata(Folder& folder) {
    std::array<std::optional<Metadata>, 2> found;
    bool starts = true;
    for (std::size_t i = 0; i < 2; ++i) {
        const std::string name = i == 0 ? "metadata1" : "metadata2";
        if (!folder.has(name)) continue;
        const std::string bytes = read_start(folder.file(name), k_metadata_bytes + 1);
        found[i] = decode_metadata(bytes);
        if (bytes.size() < k_metadata_bytes) {
            add(folder.findings, Finding::Severity::warning, "metadata", name,
                "it is cut short; dqlite removes it and goes by the other one");
        } else if (!found[i]) {
            starts = false;
            add(folder.findings, Finding::Severity::error, "metadata", name,
                (bytes.size() > k_metadata_bytes ? "it is longer than 32 bytes"
                                                 : "its format is not 1, or its version is 0") +
                    std::string("; dqlite does not start on it"));
        } else if (found[i]->version % 2 != (i == 0 ? 1U : 0U)) {
            add(folder.findings, Finding::Severity::error, "metadata", name,
                fmt::format("its version {} belongs into the other file", found[i]->version));
        }
    }
    if (found[0] && found[1] && found[0]->version == found[1]->version) {
        add(folder.findings, Finding::Severity::error, "metadata", "metadata1, metadata2",
            fmt::format("both have version {}; dqlite does not start on them", found[0]->version));
    }
    for (const auto& m : found) {
        if (m && (!folder.metadata || m->version > folder.metadata->version)) folder.metadata = m;
    }
    if (!folder.metadata) {
        add(folder.findings, Finding::Severity::error, "metadata", "",
            std::string("no metadata that can be read: the term is unknown") +
                (starts ? ", and dqlite takes the directory for a new one and writes into it as such" : ""));
    }
}

// Numbers that cannot be raised any more, in metadata and names.
void find_implausible(Folder& folder) {
    const auto look = [&](const std::string& where, const char* what, std::uint64_t n) {
        if (n <= k_largest_number) return;
        add(folder.findings, Finding::Severity::error, k_implausible, where,
            fmt::format("its {} is {}, which no node counts up to", what, n));
    };
    if (folder.metadata) {
        look("metadata", "version", folder.metadata->version);
        look("metadata", "term", folder.metadata->term.value());
    }
    for (const SnapshotFile& s : folder.snapshots) {
        look(s.name, "term", s.term.value());
        look(s.name, "index", s.index.value());
        look(s.name, "timestamp", s.timestamp);
    }
    for (const ClosedSegment& s : folder.closed)
        look(s.name, "last index", std::max(s.first, s.last).value());
}

}  // namespace

const Finding* Folder::implausible() const noexcept {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [](const Finding& f) { return f.code == k_implausible; });
    return found == findings.end() ? nullptr : &*found;
}

std::uint64_t Folder::bytes() const noexcept {
    std::uint64_t n = 0;
    for (const auto& s : snapshots) n += s.bytes;
    for (const auto& s : closed) n += s.bytes;
    for (const auto& s : open) n += s.bytes;
    for (const auto& s : set_aside) n += s.bytes;
    for (const auto& s : others) n += s.bytes;
    return n;
}

bool Folder::has(const std::string& name) const noexcept {
    return std::any_of(others.begin(), others.end(), [&](const OtherFile& f) { return f.name == name; });
}

bool is_dqlite_file(std::string_view name) {
    if (name == "metadata1" || name == "metadata2" || closed_name(name)) return true;
    if (!name.starts_with(k_snapshot)) return false;
    name.remove_prefix(k_snapshot.size());
    if (name.ends_with(k_meta)) name.remove_suffix(k_meta.size());
    return numbers<3>(name).has_value();
}

bool is_dqlite(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return false;
    std::vector<std::string> not_visible;
    for (const Named& n : entries_of(path, not_visible)) {
        if (n.name == "metadata1" || n.name == "metadata2" || closed_name(n.name)) return true;
        if (n.name.starts_with(k_snapshot) && n.name.ends_with(k_meta)) return true;
    }
    return false;
}

bool unchanged(const Folder& folder) {
    const Folder now = list_folder(folder.path);
    const auto same = [](const auto& a, const auto& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
            return x.name == y.name && x.bytes == y.bytes;
        });
    };
    return now.metadata == folder.metadata && same(now.snapshots, folder.snapshots) &&
           same(now.closed, folder.closed) && same(now.open, folder.open);
}

Folder list_folder(const std::string& path) {
    Folder folder;
    folder.path = path;
    std::vector<std::string> metas;
    for (Named& n : settled_entries_of(path, folder.not_visible)) {
        const std::string_view name = n.name;
        if (name.starts_with(k_snapshot) && name.ends_with(k_meta)) {
            metas.push_back(n.name.substr(0, n.name.size() - k_meta.size()));
            folder.others.push_back({n.name, n.bytes});
        } else if (const auto s = name.starts_with(k_snapshot) ? numbers<3>(name.substr(k_snapshot.size()))
                                                               : std::nullopt) {
            folder.snapshots.push_back({Term((*s)[0]), LogIndex((*s)[1]), (*s)[2], n.name, n.bytes, false});
        } else if (const auto c = closed_name(name)) {
            folder.closed.push_back({LogIndex((*c)[0]), LogIndex((*c)[1]), n.name, n.bytes});
        } else if (const auto o =
                       name.starts_with(k_open) ? numbers<1>(name.substr(k_open.size())) : std::nullopt) {
            folder.open.push_back({(*o)[0], n.name, n.bytes});
        } else if (name.starts_with(k_set_aside)) {
            folder.set_aside.push_back({n.name, n.bytes});
        } else {
            folder.others.push_back({n.name, n.bytes});
        }
    }
    for (SnapshotFile& s : folder.snapshots)
        s.has_meta = std::find(metas.begin(), metas.end(), s.name) != metas.end();
    std::sort(folder.snapshots.begin(), folder.snapshots.end(),
              [](const SnapshotFile& a, const SnapshotFile& b) {
                  return std::tie(a.term, a.index, a.timestamp) < std::tie(b.term, b.index, b.timestamp);
              });
    std::sort(folder.closed.begin(), folder.closed.end(), [](const ClosedSegment& a, const ClosedSegment& b) {
        return std::tie(a.first, a.last) < std::tie(b.first, b.last);
    });
    std::sort(folder.open.begin(), folder.open.end(),
              [](const OpenSegment& a, const OpenSegment& b) { return a.number < b.number; });
    if (!is_dqlite(path))
        throw Error(ErrorKind::not_a_store,
                    path + ": no dqlite data directory: no metadata, snapshot or segment in it");
    read_metadata(folder);
    find_implausible(folder);
    return folder;
}

}  // namespace kvctl::dqlite
