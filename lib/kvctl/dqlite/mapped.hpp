#pragma once
#include <string>
#include <string_view>

#include "kvctl/base/mapped_file.hpp"
#include "kvctl/dqlite/folder.hpp"

namespace kvctl::dqlite {

/// A file of a folder, mapped for reading; an empty one has no bytes. Throws Vanished where it is gone, io.
class Mapped {
  public:
    Mapped(const Folder& folder, const std::string& name);
    [[nodiscard]] std::string_view bytes() const noexcept { return file_.bytes(); }
    /// Throws Vanished where the file was cut short or renamed under the reader, as a running node does with
    /// a segment that it closes: what was read of its end means nothing then.
    void expect_whole() const;

  private:
    std::string path_;
    std::string name_;
    MappedFile file_;
};

}  // namespace kvctl::dqlite
