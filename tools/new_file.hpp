#pragma once
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace kvctl::cli {

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

/// Files that a run makes before its work; the destructor takes them away again unless keep() was called.
class Provisional {
  public:
    Provisional() = default;
    Provisional(const Provisional&) = delete;
    Provisional& operator=(const Provisional&) = delete;
    ~Provisional();

    void add(const std::string& path) { paths_.push_back(path); }
    void keep() noexcept { paths_.clear(); }
    /// "; FILE was kept" for each, for the message of a failure that may have changed the store.
    [[nodiscard]] std::string note() const;

  private:
    std::vector<std::string> paths_;
};

}  // namespace kvctl::cli
