#pragma once
#include <ostream>
#include <string>
#include <string_view>

#include "kvctl/mvcc/record.hpp"
#include "kvctl/report/json_parts.hpp"

// How values that are Kubernetes objects are shown. Not installed.
namespace kvctl::report {

/// Adds to a record's JSON what --decode shows: `object`, or `encryption` {provider, version, key_name}, or
/// `undecodable`, a sentence. A Secret loses its `value`, unless secrets are to be revealed.
void put_object(Json& j, const mvcc::Record& record, bool reveal_secrets);

/// The same for people, as lines like YAML's, each with `indent` spaces in front.
void write_object_text(std::ostream& out, const mvcc::Record& record, bool reveal_secrets,
                       std::size_t indent);

}  // namespace kvctl::report
