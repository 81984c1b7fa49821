#include "tests/support/sample_store.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/data.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::test {

naive::Store sample_history() {
    naive::Store s(naive::k_classic);
    const auto put = [&](const char* key, const char* value) {
        s.put(key, value);
        s.end();
    };
    put("foo", "v1");
    put("bar", "b1");
    put("foo", "v2");
    s.remove("foo");
    s.end();
    put("foo", "v3");
    s.put("k1", "a");
    s.put("k2", "b");
    s.remove("bar");
    s.end();
    put("b", "1");
    return s;
}

naive::Store hazard_history() {
    naive::Store s = sample_history();
    for (const char* key : {"b", "foo", "k1", "k2"}) s.remove(key);
    s.put("b", "2");
    s.end();
    return s;
}

naive::Store long_history(int count, int keys, std::size_t value_bytes) {
    naive::Store s(naive::k_classic);
    for (int i = 0; i < count; ++i) {
        s.put("app/" + std::to_string(i % keys), std::string(value_bytes, 'v'));
        s.end();
    }
    return s;
}

void check_expected(const std::string& name, const std::string& text) {
    const std::string path = testdata("expected/" + name);
    if (std::getenv("KVCTL_UPDATE_EXPECTED") != nullptr) {
        write_file(path, text);
        return;
    }
    CAPTURE(name);
    REQUIRE(std::filesystem::exists(path));
    CHECK(text == read_file(path));
}

}  // namespace kvctl::test
