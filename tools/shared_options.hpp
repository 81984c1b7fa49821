#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/import.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/report/screen.hpp"
#include "kvctl/store/open.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"

namespace kvctl::cli {

/// Measures the run, for `duration_ms`.
class Stopwatch {
  public:
    [[nodiscard]] std::int64_t ms() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                     start_)
            .count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

enum class Format { text, json, jsonl };

/// -w, --json, -q, -v, --help, --version: every command has them.
[[nodiscard]] OptionTable basic_options();
/// basic_options and --bytes, --color, --progress: for commands that read a store or a log.
[[nodiscard]] OptionTable output_options();

struct Output {
    Format format = Format::text;
    bool quiet = false;  ///< no report, no warnings, in any format
    bool verbose = false;
    bool raw_bytes = false;  ///< sizes in text as plain numbers
    bool color = false;
    bool color_messages = false;  ///< the same on stderr
    std::size_t columns = 0;      ///< of the terminal; 0: none
    std::size_t rows = 0;
    bool unicode = false;   ///< it shows characters beyond ASCII
    bool progress = false;  ///< draw it
    bool progress_lines =
        false;  ///< --progress always without a terminal: whole lines instead of one redrawn
};

/// Takes either of the tables above. Decides colour and progress from the options, NO_COLOR, TERM and what
/// the streams are. Progress never goes with a JSON format or -q. Throws a usage Error when --json
/// contradicts -w.
[[nodiscard]] Output output_of(const Parsed& parsed, const Io& io);

/// How reports in text are to look.
[[nodiscard]] report::TextStyle style_of(const Output& output) noexcept;

/// Draws on io.err when the options say so; else null.
[[nodiscard]] std::unique_ptr<Progress> make_progress(const Output& output, Io& io);

/// --layout, --member, --timeout: of a store as it is now.
[[nodiscard]] OptionTable newest_store_options();
/// The same with --raft-index, for what only reads.
[[nodiscard]] OptionTable store_options();
/// nullopt: recognise it by content.
[[nodiscard]] std::optional<store::Layout> layout_of(const Parsed& parsed);
[[nodiscard]] std::chrono::milliseconds timeout_of(const Parsed& parsed);
/// Both.
[[nodiscard]] store::OpenOptions open_options_of(const Parsed& parsed);
/// --to; nullopt when it was not given.
[[nodiscard]] std::optional<store::TargetKind> target_of(const Parsed& parsed);

/// --wal-dir.
[[nodiscard]] Option wal_dir_option();

/// --tombstones, --etcd-version.
[[nodiscard]] OptionTable rules_options();
/// nullopt when neither is given: the layout decides. Throws a usage Error on both together.
[[nodiscard]] std::optional<mvcc::CompactionRules> rules_of(const Parsed& parsed);

}  // namespace kvctl::cli
