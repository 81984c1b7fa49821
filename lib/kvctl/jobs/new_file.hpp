#pragma once
#include <memory>
#include <ostream>
#include <string>

namespace kvctl::jobs {

/// A file that must not exist yet, with mode 0600; removed again unless commit() is reached.
class NewFile {
  public:
    /// Throws refused when it exists, io when it cannot be made.
    explicit NewFile(std::string path);
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile();

    [[nodiscard]] std::ostream& stream();
    /// Writes everything to the disk; throws io when that fails.
    void commit();

  private:
    struct Parts;
    std::string path_;
    std::unique_ptr<Parts> parts_;
    bool committed_ = false;
};

/// A file that nobody ever sees a part of: it gets its name, in one step, when commit() is reached.
class PublishedFile {
  public:
    enum class Over {
        nothing,  ///< the name must be new; mode 0600
        older,    ///< an older file gives way to it, and hands on its owner and mode
    };
    /// Throws refused when the name is not to be had, io when the file cannot be made.
    PublishedFile(std::string path, Over over);
    PublishedFile(const PublishedFile&) = delete;
    PublishedFile& operator=(const PublishedFile&) = delete;
    ~PublishedFile();

    [[nodiscard]] std::ostream& stream();
    /// Writes everything to the disk and gives it its name; throws io when that fails.
    void commit();

  private:
    struct Parts;
    std::string path_;
    Over over_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace kvctl::jobs
