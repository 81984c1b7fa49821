#include "kvctl/kube/names.hpp"

namespace kvctl::kube {

Grouped group_of(By by, std::string_view key, const Object& object) {
    KeyPath path;
    (void)parse_key(key, object.name_space, object.name, path);
    switch (by) {
        case By::resource:
            return {path.resource.empty() ? std::string(k_no_resource) : path.full_resource(), {}};
        case By::kind:
            if (object.is_object) return {std::string(object.kind), std::string(object.group())};
            return {
                std::string(object.encoding.kind == Encoding::Kind::encrypted ? k_encrypted_kind : k_no_kind),
                {}};
        default: {
            const std::string_view name =
                object.is_object && !object.name.empty() ? object.name_space : path.name_space;
            return {std::string(name.empty() ? k_no_namespace : name), {}};
        }
    }
}

}  // namespace kvctl::kube
