#pragma once
#include <string>
#include <string_view>

#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {

/// Reads `bytes` as a bbolt file in every way the program does (shallow: in one of them): metas, structure
/// check, index, records, leases, seeks, plans, hashes. Errors of kvctl's are the expected answer to damage;
/// anything else is a BrokenPromise. Returns whether it opened as a store.
bool read_as_bbolt(std::string_view bytes, Depth depth);

}  // namespace kvctl::fuzz
