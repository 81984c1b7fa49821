#pragma once
#include <string>
#include <string_view>

#include "kvctl/base/mapped_file.hpp"
#include "kvctl/dqlite/folder.hpp"

namespace kvctl::dqlite {

/// A file of a folder, mapped for reading; an empty one has no bytes. Throws Vanished where it is gone, io,
/// and at the end of its life nothing: whether a page could not be had is asked of lost().
class Mapped {
  public:
    Mapped(const Folder& folder, const std::string& name);
    [[nodiscard]] std::string_view bytes() const noexcept { return file_.bytes(); }

  private:
    MappedFile file_;
};

}  // namespace kvctl::dqlite
