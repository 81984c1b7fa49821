#include "gen_random.hpp"

#include <array>

namespace kvctl::gen {

namespace {

constexpr std::size_t k_pool_bytes = 1U << 18U;

constexpr std::array k_words{"apiVersion",
                             "metadata",
                             "namespace",
                             "ownerReferences",
                             "spec",
                             "status",
                             "containers",
                             "image",
                             "resources",
                             "limits",
                             "requests",
                             "conditions",
                             "lastTransition",
                             "holderIdentity",
                             "renewTime",
                             "labels",
                             "app",
                             "tier",
                             "node",
                             "managedFields",
                             "fieldsV1",
                             "uid",
                             "selector",
                             "replicas",
                             "volumeMounts",
                             "env",
                             "reason",
                             "message"};

}  // namespace

Values::Values(std::uint64_t seed) : seed_(mix(seed)) {
    Random random(seed_);
    while (pool_.size() < k_pool_bytes) {
        // A field of a protobuf message: tag, length, word, then a number that no compressor can foresee.
        const std::string_view word = k_words[random.below(k_words.size())];
        pool_ += static_cast<char>(0x0a + 8 * static_cast<int>(random.below(4)));
        pool_ += static_cast<char>(word.size());
        pool_ += word;
        pool_ += std::to_string(random.below(100'000));
    }
}

std::string_view Values::at(std::uint64_t revision, std::string_view key, SizeRange size) {
    const std::uint64_t dice = mix(seed_ ^ revision);
    const std::uint64_t length = size.min + (dice >> 32U) % (size.max - size.min + 1);
    value_.assign("k8s\0\n", 5);
    value_ += std::to_string(revision);
    value_ += ':';
    value_ += key;
    std::uint64_t offset = dice % pool_.size();
    while (value_.size() < length) {
        value_.append(pool_, offset, length - value_.size());
        offset = 0;
    }
    value_.resize(length);
    return value_;
}

}  // namespace kvctl::gen
