#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/dqlite/metadata.hpp"

namespace kvctl::dqlite {

/// `snapshot-TERM-INDEX-TIMESTAMP` and its .meta.
struct SnapshotFile {
    Term term;
    LogIndex index;
    std::uint64_t timestamp = 0;  ///< milliseconds of the node's clock
    std::string name;             ///< of the data; the description's has .meta behind it
    std::uint64_t bytes = 0;
    bool has_meta = false;
};

/// `FIRST-LAST`: entries that will not change any more.
struct ClosedSegment {
    LogIndex first;
    LogIndex last;
    std::string name;
    std::uint64_t bytes = 0;
};

/// `open-N`: entries that follow, in the order of N; zeros behind the last.
struct OpenSegment {
    std::uint64_t number = 0;
    std::string name;
    std::uint64_t bytes = 0;
};

struct OtherFile {
    std::string name;
    std::uint64_t bytes = 0;
};

/// What lies in a data directory, by name; nothing is read but the two small files of metadata.
struct Folder {
    std::string path;                      ///< as given
    std::optional<Metadata> metadata;      ///< the one that counts
    std::vector<SnapshotFile> snapshots;   ///< oldest first
    std::vector<ClosedSegment> closed;     ///< by first index
    std::vector<OpenSegment> open;         ///< by number
    std::vector<OtherFile> set_aside;      ///< corrupt-*: what dqlite's own recovery moved away
    std::vector<OtherFile> others;         ///< lock, certificates, info.yaml, …
    std::vector<std::string> not_visible;  ///< entries that could not be looked at
    Findings findings;                     ///< of metadata and names

    [[nodiscard]] std::string file(const std::string& name) const { return path + "/" + name; }
    [[nodiscard]] std::uint64_t bytes() const noexcept;
    [[nodiscard]] bool has(const std::string& name) const noexcept;
    /// The first finding of numbers that cannot be, which a new folder's would have to be above.
    [[nodiscard]] const Finding* implausible() const noexcept;
};

/// Whether a file of this name can only be one of a data directory's: metadata, a snapshot or its .meta, a
/// segment.
[[nodiscard]] bool is_dqlite_file(std::string_view name);

/// Whether a directory holds a dqlite log: metadata, a snapshot with its .meta, or a segment of its own.
[[nodiscard]] bool is_dqlite(const std::string& path);

/// What no node counts up to, from where there is no going on: terms, indexes, versions, times.
inline constexpr std::uint64_t k_largest_number = std::uint64_t{1} << 62;

/// Whether a directory still holds the same files of the same sizes, and the same metadata.
[[nodiscard]] bool unchanged(const Folder& folder);

/// Lists a directory. Throws io; not_a_store where is_dqlite() is false.
[[nodiscard]] Folder list_folder(const std::string& path);

}  // namespace kvctl::dqlite
