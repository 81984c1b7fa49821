#pragma once
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "kvctl/base/finding.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/raft/layout.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

// Pieces that several JSON reports share. Not installed.
namespace kvctl::report {

using Json = nlohmann::ordered_json;

/// Adds `name` and `name`_encoding: the bytes as they are when they are UTF-8, else in base64.
void put_key(Json& object, std::string_view key, const char* name = "key");
/// Text from outside, a file's name in it maybe: escaped where it is not UTF-8.
[[nodiscard]] std::string utf8_text(const std::string& text);
/// [main, sub]
[[nodiscard]] Json revision_pair(mvcc::Revision revision);
[[nodiscard]] Json store_json(const StoreFacts& store);
[[nodiscard]] Json texts_json(const std::vector<std::string>& texts);
/// Adds `warnings` and `findings`.
void put_notes(Json& object, const Notes& notes);
/// Adds `refusal`, `refusal_kind` and what goes with them; nothing where there is none.
void put_refusal(Json& object, const Refusal& refusal);
[[nodiscard]] Json findings_json(const Findings& findings);
/// The raft_log object of cli.md 4.
[[nodiscard]] Json log_json(const LogFacts& log);
/// One finding as a sentence: "wrong-type: revision 5.0: the key is not a blob".
[[nodiscard]] std::string sentence(const Finding& finding);
/// The members of `object`, a line each, each with `before` in front: for documents whose lists are streamed.
void write_members(std::ostream& out, const Json& object, const char* before);
/// A document with each member on a line of its own.
void write_document(std::ostream& out, const Json& document);

}  // namespace kvctl::report
