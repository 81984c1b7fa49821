#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/kube/encoding.hpp"
#include "kvctl/kube/times.hpp"

namespace kvctl::kube {

/// An entry of managedFields: what one writer owns of an object, and when it last wrote.
struct Manager {
    std::string_view name;
    std::string_view operation;  ///< "Update" or "Apply"
    std::string_view api_version;
    std::string_view subresource;
    std::string_view fields;  ///< fieldsV1: JSON text
    std::optional<Time> time;

    /// The same entry in two revisions: all but the time and the fields.
    [[nodiscard]] bool same_as(const Manager& other) const noexcept {
        return name == other.name && operation == other.operation && api_version == other.api_version &&
               subresource == other.subresource;
    }
};

/// What is known of a stored value without decoding the whole of it. Views into the value, and into text of
/// its own where JSON has escapes; to be filled again for the next value without allocating anew.
struct Object {
    std::string_view value;  ///< as stored
    Encoding encoding;
    std::string_view api_version;
    std::string_view kind;
    std::string_view name_space;
    std::string_view name;
    std::string_view holder;  ///< of a Lease
    std::optional<Time> created;
    std::optional<Time> renewed;     ///< of a Lease
    std::optional<Time> happened;    ///< of an Event: the newest of its times
    std::int64_t lease_seconds = 0;  ///< of a Lease
    std::vector<Manager> managers;
    bool is_object = false;  ///< protobuf or JSON with an object's head that can be read
    bool broken = false;     ///< protobuf or JSON cut short or malformed where it was read

    /// "apps" of "apps/v1"; empty for the core group.
    [[nodiscard]] std::string_view group() const noexcept;
    /// The newest time of managedFields.
    [[nodiscard]] std::optional<Time> newest_managed() const noexcept;
    /// The newest time of all that stand in it and move when it is written.
    [[nodiscard]] std::optional<Time> newest_time() const noexcept;

    void read(std::string_view stored);

  private:
    void read_protobuf();
    void read_protobuf_metadata(std::string_view message);
    void read_json();
    void read_json_metadata(std::string_view text);
    void read_json_managers(std::string_view text);
    void read_lease(std::string_view body);
    void read_event(std::string_view body);
    [[nodiscard]] std::string_view text_of(std::string_view written);
    std::deque<std::string> texts_;  // unescaped
};

}  // namespace kvctl::kube
