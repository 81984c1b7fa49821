# cmake -D input=FILE -D output=FILE.cpp -P embed.cmake: a text file as bytes in a source.
file(READ ${input} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${output}
"#include \"kvctl/kube/schema.hpp\"

namespace kvctl::kube {
namespace {
constexpr char k_text[] = {
${bytes}
};
}  // namespace

std::string_view schema_text() noexcept {
    return {k_text, sizeof k_text};
}

}  // namespace kvctl::kube
")
