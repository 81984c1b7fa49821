#pragma once
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "kvctl/sqlite/database.hpp"

namespace kvctl::sqlite {

/// What add_predicate() and when_busy() made on a connection, and what one of them threw.
struct Database::Functions {
    struct Predicate {
        std::function<bool(std::int64_t, std::int64_t)> f;
        std::exception_ptr* error;
    };
    std::vector<std::unique_ptr<Predicate>> predicates;
    std::exception_ptr error;
    std::function<bool(int)> busy;
};

}  // namespace kvctl::sqlite
