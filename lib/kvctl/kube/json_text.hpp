#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace kvctl::kube {

/// Reads JSON text without building anything: one value after another, objects and arrays member by member.
/// Values are handed out as the text they are written in. Nesting is bounded.
///
///     JsonReader r(text);
///     for (JsonReader::Member m; r.next_member(m);) use(m.key, m.value);   // of an object
///     if (r.bad()) …
class JsonReader {
  public:
    static constexpr int k_deepest = 256;

    enum class Kind { object, array, string, number, word, none };
    struct Member {
        std::string_view key;    ///< as written, between its quotes
        std::string_view value;  ///< as written, blanks around it left off
    };

    /// `text` is one value; blanks around it are taken.
    explicit JsonReader(std::string_view text) noexcept;

    [[nodiscard]] Kind kind() const noexcept;
    /// Moves to the next member of an object, or element of an array (the key is empty); false at the end and
    /// at the first malformed byte.
    /// `like`: a well-formed value that is likely to stand there too, which is then not read anew.
    bool next_member(Member& member, std::string_view like = {}) noexcept;
    [[nodiscard]] bool bad() const noexcept { return bad_; }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
    bool started_ = false;
    bool ended_ = false;
    bool bad_ = false;
};

/// Of a value as written.
[[nodiscard]] JsonReader::Kind json_kind(std::string_view value) noexcept;

/// Whether `text` is one well-formed JSON value, blanks around it aside.
[[nodiscard]] bool is_json(std::string_view text) noexcept;

/// The content of a JSON string given as written, with its quotes or without: escapes resolved. `storage` is
/// only used when there are any.
[[nodiscard]] std::string_view json_string(std::string_view written, std::string& storage);

/// Appends a JSON value as written, bytes that are no UTF-8 as U+FFFD. False, and nothing is appended, when
/// `text` is none.
bool append_json(std::string& out, std::string_view text);

/// Appends a JSON string, quotes included; bytes that are no UTF-8 become U+FFFD, as in Go.
void append_json_string(std::string& out, std::string_view bytes);

}  // namespace kvctl::kube
