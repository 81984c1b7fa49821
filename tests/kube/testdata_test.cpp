#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kvctl/kube/decode.hpp"
#include "tests/support/data.hpp"
#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;
using namespace kvctl;
using nlohmann::json;

namespace {

// What a command prints; nullopt when it fails.
std::optional<std::string> output_of(const std::string& command) {
    FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return std::nullopt;
    std::string out;
    std::array<char, 4096> buffer;
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        out.append(buffer.data(), n);
    if (::pclose(pipe) != 0) return std::nullopt;
    return out;
}

// The testdata of k8s.io/api, through Go's own module cache.
std::optional<fs::path> api_testdata() {
    const auto out = output_of("cd / && go mod download -json k8s.io/api@v0.37.2");
    if (!out) return std::nullopt;
    return fs::path(json::parse(*out).at("Dir").get<std::string>()) / "testdata";
}

// "core.v1.WatchEvent": the one message without a type of its own is named by its file.
const kube::Message* message_of(const fs::path& pb) {
    const std::string stem = pb.stem().string();
    return kube::find_message("v1", stem.substr(stem.rfind('.') + 1));
}

// Compares what a .pb decodes to with the .json beside it.
bool same_as_json(const fs::path& pb) {
    const kube::Decoded d =
        kube::decode("", test::read_file(pb), {.reveal_secrets = true, .untyped = message_of(pb)});
    CHECK_MESSAGE(d.fault.empty(), d.fault);
    if (!d.has_object()) return false;
    const json want = json::parse(test::read_file(fs::path(pb).replace_extension(".json")));
    const json got = json::parse(d.json);
    const bool same = want == got;
    CHECK_MESSAGE(same, json::diff(want, got).dump().substr(0, 1000));
    return same;
}

// How many pairs of a folder there are, and how many are equal.
std::pair<int, int> compare_folder(const fs::path& folder) {
    int pairs = 0;
    int equal = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const fs::path& pb = entry.path();
        if (pb.extension() != ".pb" || !fs::exists(fs::path(pb).replace_extension(".json"))) continue;
        CAPTURE(pb.filename().string());
        ++pairs;
        equal += same_as_json(pb) ? 1 : 0;
    }
    return {pairs, equal};
}

}  // namespace

TEST_CASE("kubernetes: objects of our own making decode to what the API server gives") {
    CHECK(compare_folder(test::testdata("kube")) == std::pair(15, 15));
}

TEST_CASE("kubernetes: every object of k8s.io/api's testdata decodes to the JSON beside it") {
    const auto root = api_testdata();
    if (!root) {
        MESSAGE("no Go, or k8s.io/api cannot be had from it: nothing to compare with");
        return;
    }
    CHECK(compare_folder(*root / "HEAD") == std::pair(193, 193));
    for (const auto& entry : fs::directory_iterator(*root)) {
        if (!entry.is_directory()) continue;
        CAPTURE(entry.path().filename().string());
        const auto [pairs, equal] = compare_folder(entry.path());
        CHECK(pairs > 150);
        CHECK(equal == pairs);
    }
}
