#pragma once
#include <string>
#include <string_view>

namespace kvctl::kube {

/// What a stored value is, told from how it begins. Views into the value.
struct Encoding {
    enum class Kind {
        empty,
        protobuf,   ///< "k8s\0" and a runtime.Unknown
        json,       ///< an object in JSON: custom resources
        encrypted,  ///< at rest: only the provider, its version and the key's name can be told
        other,      ///< kine's health row, k3s's bootstrap data, the API server's compact key
    };

    Kind kind = Kind::other;
    std::string_view api_version;  ///< protobuf
    std::string_view object_kind;  ///< protobuf
    std::string_view body;         ///< protobuf: the object's message; json: the text
    bool broken = false;           ///< protobuf: the envelope is cut short or malformed
    std::string_view provider;     ///< encrypted: "aescbc", "aesgcm", "secretbox", "kms", …
    std::string_view version;      ///< encrypted: "v1"
    std::string_view key_name;     ///< encrypted
};

[[nodiscard]] Encoding detect_encoding(std::string_view value) noexcept;

/// "aescbc:key1", or "kms v2:provider": how an encrypted value is named.
[[nodiscard]] std::string name_of_encryption(const Encoding& encoding);

}  // namespace kvctl::kube
