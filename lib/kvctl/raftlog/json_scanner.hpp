#pragma once
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kvctl::raftlog {

/// A strict scanner for one line of JSON, fast on long base64 strings. Every complaint is a `damaged` Error
/// that names file, line and column (in bytes, from 1).
class JsonScanner {
  public:
    JsonScanner(std::string_view line, const std::string& path, std::uint64_t line_number) noexcept
        : begin_(line.data()),
          at_(line.data()),
          end_(line.data() + line.size()),
          path_(path),
          line_number_(line_number) {}

    /// Skips white space and says what comes next; '\0' at the end.
    [[nodiscard]] char peek() noexcept;
    /// Takes `c` if it comes next.
    bool accept(char c) noexcept;
    void expect(char c);
    /// Throws unless only white space is left.
    void expect_end();

    /// A string; the view points into the line or into `scratch`.
    std::string_view string(std::string& scratch);
    /// An unsigned 64-bit integer, as a number or in a string.
    std::uint64_t unsigned_integer();
    /// Standard base64 in a string, decoded into `out` (its old content goes).
    void base64(std::vector<char>& out);
    /// Takes a null if one comes next.
    bool accept_null();
    /// Any value, checked and thrown away.
    void skip_value();

    [[nodiscard]] std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
    [[noreturn]] void fail(const std::string& what) const { fail_at(at_, what); }
    [[noreturn]] void fail(std::size_t position, const std::string& what) const {
        fail_at(begin_ + position, what);
    }

  private:
    [[noreturn]] void fail_at(const char* where, const std::string& what) const;
    void skip_space() noexcept;
    void literal(std::string_view word);
    void skip_number();
    void skip_value(int depth);
    char32_t hex4();
    void append_escape(std::string& out);
    void decode_base64(std::string_view text, std::size_t position, std::vector<char>& out) const;

    const char* begin_;
    const char* at_;
    const char* end_;
    const std::string& path_;
    std::uint64_t line_number_;
    std::string scratch_;
};

/// Names seen in one object, to refuse the second of a kind.
class NameSet {
  public:
    /// False when the name was there already.
    bool insert(std::string_view name) { return names_.emplace(name).second; }

  private:
    std::set<std::string, std::less<>> names_;
};

/// Equal but for the case of ASCII letters; `lower` is in lower case already.
[[nodiscard]] bool same_name(std::string_view name, std::string_view lower) noexcept;

}  // namespace kvctl::raftlog
