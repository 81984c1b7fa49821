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

}  // namespace kvctl::jobs
