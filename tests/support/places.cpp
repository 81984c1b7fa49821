#include "tests/support/places.hpp"

namespace kvctl::test {

std::string source_dir() {
    return KVCTL_SOURCE_DIR;
}
std::string kvctl_exe() {
    return KVCTL_EXE;
}

}  // namespace kvctl::test
