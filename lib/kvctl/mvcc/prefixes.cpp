#include "kvctl/mvcc/prefixes.hpp"

namespace kvctl::mvcc {

PrefixTable group_by_prefix(const TreeIndex& index, std::string_view (*prefix)(std::string_view)) {
    constexpr std::uint32_t k_none = 0xFFFFFFFFU;
    PrefixTable result;
    result.of_key.resize(index.key_count());
    std::vector<std::uint32_t> table(1024, k_none);
    const auto place = [&](std::string_view name) {
        std::size_t i = hash_key(name) & (table.size() - 1);
        while (table[i] != k_none && result.names[table[i]] != name) i = (i + 1) & (table.size() - 1);
        return i;
    };
    for (KeyId id = 0; id < index.key_count(); ++id) {
        const std::string_view name = prefix(index.key(id));
        std::size_t i = place(name);
        if (table[i] == k_none) {
            if (result.names.size() * 2 >= table.size()) {
                table.assign(table.size() * 2, k_none);
                for (std::uint32_t n = 0; n < result.names.size(); ++n) table[place(result.names[n])] = n;
                i = place(name);
            }
            table[i] = static_cast<std::uint32_t>(result.names.size());
            result.names.push_back(name);
        }
        result.of_key[id] = table[i];
    }
    return result;
}

}  // namespace kvctl::mvcc
