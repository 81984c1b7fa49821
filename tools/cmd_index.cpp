#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/report/index_report.hpp"
#include "kvctl/store/open.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {

OptionTable index_options() {
    return join({{{"Index", {word("rev", "N", "the tree as it would be after compacting to revision N")}}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int index(const Args& args, Io& io) {
    const Parsed parsed = parse(index_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 2, "[KEY] STORE");
    const bool one = parsed.operands().size() == 2;
    const std::optional<std::string> key = one ? std::optional(parsed.operands().front()) : std::nullopt;
    const auto progress = make_progress(output, io);
    OpenedStore opened = open_behind_key(parsed);
    const mvcc::TreeIndex tree = load_keys(opened, key, progress.get(), io, output);

    std::vector<mvcc::KeyIndex> keys;
    for (const mvcc::KeyId id : key ? tree.range(*key, std::nullopt) : tree.sorted_keys()) {
        keys.push_back(tree.key_index(id));
    }
    if (const auto rev = parsed.value("rev")) {
        const MainRevision at = parse_revision("--rev", *rev);
        refuse_future(opened, at);
        const mvcc::CompactionBound bound = tree.bound(at);
        for (mvcc::KeyIndex& k : keys) k.compact(bound);
        std::erase_if(keys, [](const mvcc::KeyIndex& k) { return k.empty(); });
    }
    if (output.quiet) return 0;
    switch (output.format) {
        case Format::text:
            report::write_index_text(io.out, keys);
            if (key && keys.empty()) io.out << escape(*key) << ": not in the index\n";
            break;
        case Format::json:
            report::write_index_json(io.out, keys);
            break;
        case Format::jsonl:
            report::write_index_jsonl(io.out, keys);
            break;
    }
    return 0;
}

}  // namespace kvctl::cli
