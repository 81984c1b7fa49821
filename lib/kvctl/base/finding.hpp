#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kvctl {

/// Something wrong, or worth knowing, in the data. Findings are collected and reported; reading goes on where
/// it can.
struct Finding {
    enum class Severity { info, warning, error };

    Severity severity = Severity::error;
    std::string code;   ///< stable, lower-case with dashes: "torn-tail", "orphan-row"
    std::string where;  ///< file and offset, row, revision or index; may be empty
    std::string what;   ///< one sentence, without stored values
    std::optional<std::int64_t> revision = std::nullopt;  ///< main of the row it is about, where there is one
    std::uint64_t times = 1;  ///< more than one: it stands for that many of its code

    friend bool operator==(const Finding&, const Finding&) = default;
};

/// How reports call it: "note", "warning" or "error".
[[nodiscard]] const char* word_of(Finding::Severity severity) noexcept;

using Findings = std::vector<Finding>;

/// Gathers findings without letting a file that is damaged everywhere fill the memory: of each code the first
/// twenty (or as many as are asked for) are kept, the rest only counted (and the lowest revision among them
/// remembered).
class FindingLog {
  public:
    static constexpr std::size_t k_kept_per_code = 20;

    FindingLog() = default;
    explicit FindingLog(std::size_t kept_per_code) : kept_per_code_(kept_per_code) {}
    void add(Finding finding);
    void add(const FindingLog& other);
    [[nodiscard]] bool empty() const noexcept { return codes_.empty(); }
    /// All of them; a code with more than were kept ends with one that says how many more.
    [[nodiscard]] Findings take() const;

  private:
    struct Code {
        Findings kept;
        std::uint64_t more = 0;
        std::optional<std::int64_t> lowest;
    };
    std::size_t kept_per_code_ = k_kept_per_code;
    std::map<std::string, Code> codes_;
};

}  // namespace kvctl
