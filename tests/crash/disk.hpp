#pragma once
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/watcher.hpp"

namespace kvctl::crash {

/// Contents by file name, as somebody finds them after the power came back. A directory is what the names of
/// its files begin with: "name/".
using Files = std::map<std::string, std::string>;
/// Whether there is a file or a directory of that name.
[[nodiscard]] bool holds(const Files& files, const std::string& name);
/// Takes it away.
void erase(Files& files, const std::string& name);

[[nodiscard]] Files read_folder(const std::string& folder);
/// Makes the folder hold these files and nothing else.
void write_folder(const std::string& folder, const Files& files);

/// Equal for equal contents under equal names.
[[nodiscard]] std::string fingerprint(const Files& files);

/// One change of the disk, as it was asked for.
struct Change {
    enum class Kind { create, write, truncate, sync, rename, link, remove, folder_sync };
    Kind kind = Kind::write;
    std::size_t file = 0;  ///< not a name: it stays the same when the file is renamed
    std::int64_t at = 0;   ///< offset, or size
    std::string data;      ///< write
    std::string name;      ///< create, rename (old), link (old), remove
    std::string other;     ///< rename and link: the new one
    bool with_name = false;
};

/// Writes down every change of a folder.
class Recorder : public Watcher {
  public:
    /// `start` lies in the folder.
    explicit Recorder(std::string folder, const Files& start);
    [[nodiscard]] const std::vector<Change>& changes() const noexcept { return changes_; }

    void created(const Opened& file) override;
    void wrote(const Opened& file, std::int64_t offset, std::string_view data) override;
    void truncated(const Opened& file, std::int64_t size) override;
    void synced(const Opened& file, bool with_name) override;
    void renamed(const std::string& from, const std::string& to) override;
    void linked(const std::string& from, const std::string& to) override;
    void removed(const std::string& path) override;
    void folder_synced() override;

  private:
    [[nodiscard]] std::string name(const std::string& path) const;
    [[nodiscard]] std::size_t number(const Opened& file);
    std::string folder_;
    std::map<std::uint64_t, std::size_t> numbers_;  // by inode
    std::size_t next_ = 0;
    std::vector<Change> changes_;
};

/// The disk while changes come in: what is surely on it, and what is only on its way.
class Disk {
  public:
    explicit Disk(const Files& start);
    void apply(const Change& change);

    /// How what is on its way fares.
    enum class Fate {
        nothing,     ///< none of it arrived
        everything,  ///< all of it did, in order
        ordered,     ///< of names a first part, of contents some sectors of some writes, in any order
        unordered,   ///< of names any part as well
    };
    [[nodiscard]] Files after_crash(Fate fate, std::mt19937& random) const;
    [[nodiscard]] bool anything_pending() const noexcept;

  private:
    static void change_content(std::string& content, const Change& change);
    static void change_names(std::map<std::string, std::size_t>& names, const Change& change);
    std::map<std::size_t, std::string> contents_;
    std::map<std::string, std::size_t> names_;
    std::map<std::size_t, std::vector<Change>> pending_;
    std::vector<Change> pending_names_;
};

}  // namespace kvctl::crash
