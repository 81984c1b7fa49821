#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// The text etcd-dump-logs prints: positions, types and requests are read, data is not in it. All releases'
/// forms, with and without a filter, and as people paste them: blanks for tabs, a prompt, a code fence or log
/// lines around and between, the entries alone. A last line that says how many entries were printed is held
/// against what is there.
[[nodiscard]] std::unique_ptr<Source> open_dump_text(FileReader file);

/// The text etcd-dump-logs --raw prints: every record of the journal, data complete.
[[nodiscard]] std::unique_ptr<Source> open_dump_raw(FileReader file);

/// What a printed request is, from the fourth column on ("header:<…> put:<…>", "method=PUT …", "").
[[nodiscard]] raft::RequestKind kind_of_printed(std::string_view type, std::string_view text) noexcept;

enum class DumpForm { none, text, raw };
/// Recognises a dump by one of its lines.
[[nodiscard]] DumpForm dump_form(std::string_view line) noexcept;

}  // namespace kvctl::raftlog
