#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kvctl::test {

/// A new empty folder under TMPDIR (or /tmp), removed with everything in it by the destructor.
class TempDir {
  public:
    TempDir();
    /// In `parent`, which must exist.
    explicit TempDir(const std::filesystem::path& parent);
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /// The path of a file in it, as text.
    [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }
    /// Names in it, sorted: shows what a run left behind.
    [[nodiscard]] std::vector<std::string> names() const;
    void keep() noexcept { keep_ = true; }

  private:
    std::filesystem::path path_;
    bool keep_ = false;
};

/// A folder in memory where the system has one, else the usual temporary one: for tests that write hundreds
/// of stores and would wait for the disk at each commit.
[[nodiscard]] std::filesystem::path fast_folder();

/// Whole file in and out; throw std::runtime_error when it cannot be had.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace kvctl::test
