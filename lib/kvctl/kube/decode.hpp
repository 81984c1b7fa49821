#pragma once
#include <string>
#include <string_view>

#include "kvctl/kube/encoding.hpp"
#include "kvctl/kube/schema.hpp"

namespace kvctl::kube {

/// A stored value as an object.
struct Decoded {
    Encoding encoding;    ///< views into the value
    std::string json;     ///< one object in JSON, as the API server gives it; empty when there is none
    std::string fault;    ///< what keeps it from being decoded, without a part of the value; empty: nothing
    bool secret = false;  ///< a Secret, or what may be one: the value itself must not be shown

    [[nodiscard]] bool has_object() const noexcept { return !json.empty(); }
};

struct DecodeOptions {
    /// Else the data of a Secret are "(N bytes)", and so are its annotations that may repeat them.
    bool reveal_secrets = false;
    /// What a protobuf value is that names no type itself.
    const Message* untyped = nullptr;
};

/// Decodes by the tables of schema.hpp. What they do not know is shown by its number ("#17"). Encrypted and
/// other values yield no object and no fault. `key` tells where a value that cannot be decoded is a secret's.
[[nodiscard]] Decoded decode(std::string_view key, std::string_view value, const DecodeOptions& options);

/// The same of what detect_encoding() made of a value that is no secret or may be shown.
[[nodiscard]] Decoded decode(const Encoding& encoding, const DecodeOptions& options);

/// Whether the value may be a Secret's: by what it says itself, else by its key.
[[nodiscard]] bool is_secret(std::string_view key, const Encoding& encoding);

}  // namespace kvctl::kube
