#pragma once
#include <string_view>

namespace kvctl::kube {

/// Whether two quantities are the same amount: "0.5" is "500m", "1024Mi" is "1Gi", "1e3" is "1k". Texts that
/// are none are compared as they are.
[[nodiscard]] bool same_quantity(std::string_view a, std::string_view b) noexcept;

}  // namespace kvctl::kube
