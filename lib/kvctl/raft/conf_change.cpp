#include <array>

#include "kvctl/raft/request_parts.hpp"

namespace kvctl::raft {

std::optional<ConfChange> decode_conf_change(std::string_view data) noexcept {
    ConfChange c;
    Fields f(data);
    std::string_view context;
    while (f.next()) {
        switch (f.field()) {
            case 1:
                f.take(c.id);
                break;
            case 2:
                f.take(c.type);
                break;
            case 3:
                f.take(c.node_id);
                break;
            case 4:
                f.take(context);
                break;
            default:
                break;
        }
    }
    if (!f.ok()) return std::nullopt;
    return c;
}

std::string_view conf_change_name(std::uint64_t type) noexcept {
    static constexpr std::array<std::string_view, 4> k_names = {
        "ConfChangeAddNode", "ConfChangeRemoveNode", "ConfChangeUpdateNode", "ConfChangeAddLearnerNode"};
    return type < k_names.size() ? k_names[static_cast<std::size_t>(type)] : std::string_view{};
}

}  // namespace kvctl::raft
