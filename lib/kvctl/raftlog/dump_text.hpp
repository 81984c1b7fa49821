#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// The text etcd-dump-logs prints: positions, types and requests are read, data is not in it. All releases'
/// forms, with and without a filter; a last line that says how many entries were printed is held against what
/// is there.
[[nodiscard]] std::unique_ptr<Source> open_dump_text(const std::string& path);

/// The text etcd-dump-logs --raw prints: every record of the journal, data complete.
[[nodiscard]] std::unique_ptr<Source> open_dump_raw(const std::string& path);

/// What a printed request is, from the fourth column on ("header:<…> put:<…>", "method=PUT …", "").
[[nodiscard]] raft::RequestKind kind_of_printed(std::string_view type, std::string_view text) noexcept;

enum class DumpForm { none, text, raw };
/// Recognises a dump by its first bytes.
[[nodiscard]] DumpForm dump_form(std::string_view head) noexcept;

}  // namespace kvctl::raftlog
