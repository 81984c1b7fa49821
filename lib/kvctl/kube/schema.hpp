#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace kvctl::kube {

/// How a message looks in JSON.
enum class Form : std::uint8_t {
    object,
    list,           ///< wraps a list
    time,           ///< {seconds 1, nanos 2}: RFC 3339
    micro_time,     ///< the same with six digits
    duration,       ///< {nanoseconds 1}: as Go prints it
    quantity,       ///< {text 1}
    int_or_string,  ///< {type 1, number 2, text 3}
    json,           ///< {JSON 1}
    either_list,    ///< {object 1, list 2}, whichever is there
    either_bool,    ///< {bool 1, object 2}
};

struct Message;

/// One field of a message.
struct Field {
    enum class Kind : std::uint8_t { string, integer, natural, boolean, bytes, real, message };
    enum class Container : std::uint8_t { one, list, map };

    std::uint32_t number = 0;
    std::string_view name;  ///< in JSON
    Kind kind = Kind::string;
    Container container = Container::one;
    bool pointer = false;    ///< absent is another thing than empty
    bool always = false;     ///< in JSON even when empty
    bool omit_zero = false;  ///< a message that is left out when it is empty
    const Message* message = nullptr;

    /// Its content stands one level up in JSON.
    [[nodiscard]] bool inlined() const noexcept { return name == "^"; }
    /// Not in JSON at all.
    [[nodiscard]] bool hidden() const noexcept { return name == "-"; }
};

struct Message {
    std::string_view name;  ///< "core.v1.Pod"
    Form form = Form::object;
    std::span<const Field> fields;  ///< ascending by number

    /// Null when the table does not know the number.
    [[nodiscard]] const Field* field(std::uint32_t number) const noexcept;
    [[nodiscard]] bool is_time() const noexcept { return form == Form::time || form == Form::micro_time; }
};

/// The message of a stored object by its type ("apps/v1", "Deployment"). Null when the table, which is
/// fields.txt, does not have it. A table per group and version: the numbers of one say nothing of another's.
[[nodiscard]] const Message* find_message(std::string_view api_version, std::string_view kind);
/// By its name in the table.
[[nodiscard]] const Message* find_message(std::string_view name);
/// What every stored object has, for one of a type that the table does not know: metadata.
[[nodiscard]] const Message& any_object();

/// fields.txt, as it was built in.
[[nodiscard]] std::string_view schema_text() noexcept;

}  // namespace kvctl::kube
