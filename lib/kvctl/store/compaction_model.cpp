#include "kvctl/store/compaction_model.hpp"

namespace kvctl::store {

std::string_view name_of(Strategy strategy) noexcept {
    return strategy == Strategy::in_place ? "in-place" : "rewrite";
}

}  // namespace kvctl::store
