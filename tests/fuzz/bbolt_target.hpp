#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {

/// Reads `bytes` as a bbolt file in every way the program does (shallow: in one of them): metas, structure
/// check, index, records, leases, seeks, plans, hashes. Errors of kvctl's are the expected answer to damage;
/// anything else is a BrokenPromise. Returns whether it opened as a store.
bool read_as_bbolt(std::string_view bytes, Depth depth);

/// Gives both metas a sound checksum, or hardly any input would get past them.
std::string with_sound_checksums(std::string bytes);

/// Offsets of a sound file's counts and element headers, those of inline buckets included: where no flipped
/// bit may go unnoticed.
std::vector<std::size_t> element_headers(std::string_view bytes);

/// All that readers take from an etcd db (rows, leases, counters, members, alarms) as one text; nullopt where
/// they refuse or tell of damage.
std::optional<std::string> etcd_content(std::string_view bytes);

}  // namespace kvctl::fuzz
