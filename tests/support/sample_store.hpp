#pragma once
#include <string>
#include <vector>

#include "tests/support/naive_store.hpp"

namespace kvctl::test {

/// The requests of etcd.md, appendix A: foo put, bar put, foo put, foo deleted, foo put, {k1 and k2 put, bar
/// deleted}, b put. Current revision 8.
[[nodiscard]] naive::Store sample_history();
/// That, followed by one request that deletes b, foo, k1 and k2 and puts b (etcd.md 2.4).
[[nodiscard]] naive::Store hazard_history();

/// `count` puts of `keys` keys in turn, current revision count + 1.
[[nodiscard]] naive::Store long_history(int count, int keys, std::size_t value_bytes = 20);

/// Compares with testdata/expected/NAME; rewrites that file instead when the environment variable
/// KVCTL_UPDATE_EXPECTED is set.
void check_expected(const std::string& name, const std::string& text);

}  // namespace kvctl::test
