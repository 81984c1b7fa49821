#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

inline constexpr std::string_view k_history_format = "kvhistory/1";

/// The first line of a history file (kvhistory/1): what is not a row.
struct HistoryHeader {
    std::string layout;  ///< of the store it was written from; may be empty
    std::optional<MainRevision> current;
    std::optional<std::uint64_t> rows;  ///< how many follow; a file with fewer was cut short
    Meta meta;
    std::vector<Lease> leases;
};

/// Whether a file that begins with these bytes is a history file: a JSON object that names the format.
[[nodiscard]] bool looks_like_history(std::string_view first_bytes);

/// Reads JSON Lines: the header, then a line for each transaction, whose `ops` are its rows:
///
///     {"rev":2,"ops":[{"sub":0,"type":"put","key":"YQ==","value":"MQ==","lease":0,
///                      "create_revision":2,"version":1}]}
///
/// Keys and values are base64. Revisions ascend; a long transaction may go on in the next line with the same
/// `rev`. Names that are not known are skipped. Memory holds one line, of at most k_longest_line bytes.
class HistoryReader {
  public:
    static constexpr std::size_t k_longest_line = std::size_t{256} << 20;

    /// Opens a file or pipe and reads the header; `shown` is its name in messages. Throws io, not_a_store for
    /// another first line, damaged for a header that makes no sense.
    explicit HistoryReader(const std::string& path) : HistoryReader(path, path) {}
    HistoryReader(const std::string& path, const std::string& shown);
    ~HistoryReader();
    HistoryReader(const HistoryReader&) = delete;
    HistoryReader& operator=(const HistoryReader&) = delete;

    [[nodiscard]] const HistoryHeader& header() const noexcept;
    /// Every row in file order, once. Throws damaged with the line's number.
    void each(const std::function<void(const mvcc::Record&)>& f);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// Writes what HistoryReader reads.
class HistoryWriter {
  public:
    /// Writes the header. Throws refused for a counter whose name is not UTF-8.
    HistoryWriter(std::ostream& out, const HistoryHeader& header);

    /// Rows must ascend by revision. Throws refused for a value that no line can hold.
    void add(const mvcc::Record& record);
    /// Ends the last line.
    void finish();

  private:
    std::ostream& out_;
    std::optional<std::int64_t> open_;  // main of the line begun
    std::size_t line_bytes_ = 0;
};

}  // namespace kvctl::store
