#pragma once
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gen_raft.hpp"

namespace kvctl::gen {

/// One write of a request.
struct Operation {
    bool remove = false;
    std::string key;
    std::string value;
    std::int64_t lease = 0;
};

/// An entry and, when it carries a request for the key space, what that request does.
struct LoggedEntry {
    Entry entry;
    std::uint64_t request_id = 0;
    std::vector<Operation> operations;
};

/// A raft log being written, in the order of its entries. Throws std::runtime_error when the disk refuses.
class LogForm {
  public:
    LogForm() = default;
    LogForm(const LogForm&) = delete;
    LogForm& operator=(const LogForm&) = delete;
    virtual ~LogForm() = default;
    virtual void add(const LoggedEntry& logged) = 0;
    virtual void finish() = 0;
};

/// "wal": a directory of segments as a server writes them; "dump": the text of etcd-dump-logs; "jsonl": JSON
/// Lines. `last` is the index of the last entry, which some headers name. Throws std::invalid_argument on
/// another form.
[[nodiscard]] std::unique_ptr<LogForm> make_log_form(const std::string& form, const std::string& path,
                                                     std::uint64_t last);

}  // namespace kvctl::gen
