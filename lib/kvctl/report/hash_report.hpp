#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "kvctl/mvcc/hash.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

struct HashReport {
    std::string path;
    mvcc::KvHash::Result result;
    const mvcc::TreeIndex* index = nullptr;  ///< names the keys of result.keys
    std::optional<std::uint32_t> expected;
    Notes notes;
};

void write_text(std::ostream& out, const HashReport& report);
void write_json(std::ostream& out, const HashReport& report);
/// With keys a line each, the summary last.
void write_jsonl(std::ostream& out, const HashReport& report);

}  // namespace kvctl::report
