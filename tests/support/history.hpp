#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tests/support/naive_store.hpp"

namespace kvctl::test {

/// The whole of a text file; one that ends in .gz is unpacked with the system's gzip. nullopt when there is
/// no gzip to run.
[[nodiscard]] std::optional<std::string> read_text(const std::string& path);

/// The rows of a kvhistory/1 file in revision order. nullopt as above.
[[nodiscard]] std::optional<std::vector<naive::Row>> read_history(const std::string& path);

/// A recorded history: `expected` is the path of its NAME.expected.json[.gz], the other that of the history.
struct Recorded {
    std::string name;
    std::string expected;
    std::string history;
};

/// The histories of a vectors folder ("etcd-3.4"), by name: those in testdata/, and with `shared_too` those
/// that only the recorded data outside the repository has.
[[nodiscard]] std::vector<Recorded> recorded_histories(const std::string& folder, bool shared_too);

}  // namespace kvctl::test
