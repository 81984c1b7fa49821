#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace kvctl::store {

/// A new file beside `beside`, named `.NAME.kvctl-RANDOM`, created exclusively with mode 0600 and locked
/// while in use. It is removed with what SQLite may have put beside it unless it was published.
class TempFile {
  public:
    explicit TempFile(const std::string& beside);
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;
    ~TempFile();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int descriptor() const noexcept { return fd_; }

    /// Whether it has a name for good: renamed over a file, or given a new name.
    [[nodiscard]] bool published() const noexcept { return path_.empty(); }

    /// Writes everything to the disk.
    void sync() const;
    /// Gives the file the owner, group, mode and extended attributes of `like`; throws io when the owner
    /// cannot be kept.
    void take_identity_of(const std::string& like) const;
    /// The same of a file beside `like`, which belongs to whoever makes it where he may give it to nobody
    /// else: then nobody may do more to it than `like` lets him.
    void take_rights_of(const std::string& like) const;
    /// Renames it over `target` and syncs the folder.
    void publish_over(const std::string& target);
    /// Gives it a new name that must not exist, and syncs the folder. Throws refused when it does.
    void publish_as_new(const std::string& target);

    /// Removes files and folders of this kind beside `beside` that nobody has locked: what a run that was
    /// killed left behind.
    static void remove_abandoned(const std::string& beside);

  private:
    void remove() noexcept;
    // The name is done with; what SQLite put beside it goes too. Needs no memory.
    void forget_name(bool remove_file) noexcept;
    std::string path_;
    int fd_ = -1;
};

/// A new folder beside `beside`, named and locked as a TempFile is, with mode 0700. It is removed with the
/// files in it unless it was published.
class TempFolder {
  public:
    explicit TempFolder(const std::string& beside);
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Gives it a mode and a new name that must not exist, and syncs it and the folder it is in. The files in
    /// it are for the caller to sync. Throws refused when the name exists.
    void publish_as_new(const std::string& target, unsigned mode);

  private:
    std::string path_;
    int fd_ = -1;
};

/// While it lives, a thread lets the disk take what was written to a file, so that syncing it finds little to
/// do: of a kine run with 1.6 GB to write, which is bound by one core, that took a second. Its end waits for
/// nothing but the system call the thread may be in.
class EarlySync {
  public:
    explicit EarlySync(const TempFile& file);

  private:
    std::mutex mutex_;
    std::condition_variable_any stopping_;
    std::jthread thread_;  // the last member: it uses the others
};

class SourceFile;

/// While it lives, a thread takes a file that is about to be replaced out of the page cache; the kernel else
/// does it when the last descriptor is closed, and nothing is left to do beside it: 0.07 s of a kine run
/// of 1.3 s that replaced 1.7 GB. Pages that somebody has mapped stay. Its end waits for the part the
/// thread is at.
class EarlyFree {
  public:
    /// `file` must be open as long.
    explicit EarlyFree(const SourceFile& file);

  private:
    std::jthread thread_;
};

/// The folder of a path: "." for a bare name.
[[nodiscard]] std::string folder_of(const std::string& path);
/// Removes what a run that was killed left of its work on a new file `path`, and throws refused when `path`
/// itself is there.
void expect_new(const std::string& path);
/// Throws refused when `path` names anything, a symbolic link that leads nowhere included.
void refuse_existing(const std::string& path);
/// Syncs a folder, so that a name in it is on the disk.
void sync_folder(const std::string& folder);
/// Bytes an unprivileged writer may still use on the file system of `folder`.
[[nodiscard]] std::uint64_t free_bytes(const std::string& folder);

/// A file open for reading, or for writing too. Closing it drops every POSIX lock this process holds on that
/// file, so whoever reads a locked file keeps it until the locks may go.
class SourceFile {
  public:
    enum class Access { read, write };
    explicit SourceFile(const std::string& path, Access access = Access::read);
    SourceFile(SourceFile&& other) noexcept
        : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
    SourceFile& operator=(SourceFile&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~SourceFile();
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int descriptor() const noexcept { return fd_; }

  private:
    std::string path_;
    int fd_ = -1;
};

/// Copies all of `from` to a new file with mode 0600, which has its name only once it is complete and on the
/// disk. Throws refused when it exists, in_use when `from` changed meanwhile, io on failure (nothing is
/// left).
void copy_to_new_file(const SourceFile& from, const std::string& to);

}  // namespace kvctl::store
