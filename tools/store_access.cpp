#include "tools/store_access.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::cli {

OpenedStore open_for_command(const Parsed& parsed, const std::string& path) {
    store::OpenOptions options;
    options.layout = layout_of(parsed);
    options.timeout_ms = static_cast<int>(timeout_of(parsed).count());
    const auto rules = parsed.knows("tombstones") ? rules_of(parsed) : std::nullopt;
    OpenedStore opened;
    opened.store = store::open_store(path, options);
    const bool kine = opened.store->info().layout == store::Layout::kine;
    if (kine && rules) {
        throw Error(ErrorKind::usage,
                    path +
                        ": a kine store follows kine's rule; --tombstones and --etcd-version are for "
                        "etcd's layouts");
    }
    opened.rules = kine ? mvcc::kine_rules() : rules.value_or(mvcc::classic_rules());
    opened.head = opened.store->head();
    return opened;
}

mvcc::TreeIndex load_keys(OpenedStore& opened, const std::optional<std::string>& key, Progress* progress,
                          Io& io, const Output& output) {
    const bool speak = output.format == Format::text && !output.quiet;
    if (speak && opened.head.pending()) {
        io.err << "kvctl: warning: " << opened.store->info().path << ": a compaction to revision "
               << *opened.head.scheduled << " was cut short; the next 'kvctl compact' finishes it\n";
    }
    if (key) {
        if (auto tree = opened.store->load_key(*key, opened.rules)) return std::move(*tree);
    }
    Findings findings;
    mvcc::TreeIndex tree = opened.store->load(opened.rules, findings, progress);
    if (speak) {
        for (const Finding& f : findings) {
            io.err << "kvctl: warning: " << opened.store->info().path << ": "
                   << (f.where.empty() ? "" : f.where + ": ") << f.what << '\n';
        }
    }
    return tree;
}

void refuse_future(const OpenedStore& opened, MainRevision at) {
    if (at <= opened.head.current) return;
    throw Error(ErrorKind::future_revision,
                opened.store->info().path + ": revision " + std::to_string(at.value()) +
                    ": required revision is a future revision; the store's current revision is " +
                    std::to_string(opened.head.current.value()) +
                    " (a raft index or a key's version is another number)");
}

void refuse_compacted(const OpenedStore& opened, MainRevision at) {
    MainRevision limit = opened.head.compacted;
    if (opened.head.pending()) limit = *opened.head.scheduled;
    if (at >= limit) return;
    throw Error(ErrorKind::compacted, opened.store->info().path + ": revision " + std::to_string(at.value()) +
                                          ": required revision has been compacted; the compact revision is " +
                                          std::to_string(limit.value()));
}

}  // namespace kvctl::cli
