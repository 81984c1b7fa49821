#include "kvctl/jobs/row_groups.hpp"

#include <set>
#include <unordered_map>

#include "kvctl/base/error.hpp"
#include "kvctl/jobs/kube_scan.hpp"
#include "kvctl/kube/names.hpp"
#include "kvctl/kube/story.hpp"
#include "kvctl/kube/writer.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::uint32_t k_none = mvcc::RowGroups::k_none;

class Names {
  public:
    explicit Names(std::vector<std::string>& names) : names_(names) {}
    std::uint32_t number(const std::string& name) {
        const auto [found, added] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
        if (added) names_.push_back(name);
        return found->second;
    }

  private:
    std::vector<std::string>& names_;
    std::unordered_map<std::string, std::uint32_t> numbers_;
};

void set_group(mvcc::RowGroups& groups, const mvcc::TreeIndex& index, mvcc::Revision revision,
               std::uint32_t group) {
    const mvcc::Slot slot = index.find_slot(revision);
    if (slot == mvcc::k_no_slot) return;
    if (slot >= groups.of_slot.size()) groups.of_slot.resize(std::size_t{slot} + 1, k_none);
    groups.of_slot[slot] = group;
}

// By what the object says of itself: a key's rows go together, its tombstones too.
void group_by_object(store::Store& store, const mvcc::TreeIndex& index, kube::By by, mvcc::RowGroups& groups,
                     Progress* progress) {
    Names names(groups.names);
    std::map<std::string, std::set<std::string>> api_groups;  // of a kind
    std::vector<std::string> kind_of, group_of;               // by number
    std::vector<std::uint32_t> last;                          // by key
    kube::Predecessors keys([](mvcc::Revision) { return std::nullopt; }, 0);
    kube::Object object;
    scan(store, store.head().current, progress, [&](const mvcc::Record& record) {
        const std::uint32_t key = keys.step(record, false, false).key;
        if (key == last.size()) last.push_back(k_none);
        if (!record.tombstone || last[key] == k_none) {
            object.read(record.tombstone ? std::string_view() : record.value);
            const kube::Grouped g = kube::group_of(by, record.key, object);
            last[key] = names.number(g.group.empty() ? g.name : g.name + "." + g.group);
            if (last[key] == kind_of.size()) {
                kind_of.push_back(g.name);
                group_of.push_back(g.group);
                api_groups[g.name].insert(g.group);
            }
        }
        set_group(groups, index, record.revision, last[key]);
    });
    // A kind says its group where there are several of that name.
    for (std::size_t i = 0; i < groups.names.size(); ++i) {
        if (api_groups[kind_of[i]].size() == 1) groups.names[i] = kind_of[i];
    }
}

void group_by_manager(store::Store& store, const mvcc::TreeIndex& index, mvcc::RowGroups& groups,
                      Progress* progress) {
    Names names(groups.names);
    kube::Predecessors rows(value_reader(store));
    kube::Comparer comparer;
    kube::Object before;
    kube::Object after;
    std::vector<std::string> paths;
    scan(store, store.head().current, progress, [&](const mvcc::Record& record) {
        const auto step = rows.step(record, !record.tombstone, true);
        std::string writer(kube::k_unknown_writer);
        after.read(record.tombstone ? std::string_view() : record.value);
        if (after.is_object) {
            paths.clear();
            if (step.value) {
                before.read(*step.value);
                (void)comparer.compare(before, after,
                                       [&](const kube::Change& c) { paths.emplace_back(c.path); });
            }
            writer = kube::writer_of(step.value ? &before : nullptr, after, paths);
        }
        set_group(groups, index, record.revision, names.number(writer));
    });
}

std::string encryption_of(const std::string& resource, std::string_view value) {
    const kube::Encoding e = kube::detect_encoding(value);
    const bool encrypted = e.kind == kube::Encoding::Kind::encrypted;
    return resource + " " + (encrypted ? kube::name_of_encryption(e) : "(plaintext)");
}

GroupedRows group_by_encryption(store::Store& store, const mvcc::TreeIndex& index, Progress* progress) {
    GroupedRows result;
    Names names(result.groups.names);
    std::set<std::string> resources{"secrets", "configmaps"};
    std::vector<std::string> resource_of;  // by number
    std::vector<std::uint32_t> last;       // by key
    kube::Predecessors keys([](mvcc::Revision) { return std::nullopt; }, 0);
    scan(store, store.head().current, progress, [&](const mvcc::Record& record) {
        const std::uint32_t key = keys.step(record, false, false).key;
        if (key == last.size()) last.push_back(k_none);
        const std::string resource = kube::parse_key(record.key).full_resource();
        if (resource.empty()) return;
        if (!record.tombstone) {
            if (kube::detect_encoding(record.value).kind == kube::Encoding::Kind::encrypted)
                resources.insert(resource);
            last[key] = names.number(encryption_of(resource, record.value));
            if (last[key] == resource_of.size()) resource_of.push_back(resource);
        }
        set_group(result.groups, index, record.revision, last[key]);
    });
    for (std::uint32_t& group : result.groups.of_slot) {
        if (group != k_none && !resources.contains(resource_of[group])) group = k_none;
    }
    store.each_old_value([&](MainRevision, std::string_view key, std::string_view old_value) {
        const std::string resource = kube::parse_key(key).full_resource();
        if (!resources.contains(resource)) return;
        auto& old = result.old_values[encryption_of(resource, old_value)];
        ++old.values;
        old.bytes += old_value.size();
    });
    return result;
}

}  // namespace

GroupedRows group_rows(store::Store& store, const mvcc::TreeIndex& index, const std::string& by,
                       Progress* progress) {
    if (by == "encryption") return group_by_encryption(store, index, progress);
    GroupedRows result;
    if (by == "manager") {
        group_by_manager(store, index, result.groups, progress);
    } else if (by == "resource" || by == "kind" || by == "namespace") {
        const kube::By what = by == "resource" ? kube::By::resource
                              : by == "kind"   ? kube::By::kind
                                               : kube::By::name_space;
        group_by_object(store, index, what, result.groups, progress);
    } else {
        throw Error(ErrorKind::internal, "nothing is grouped by " + by);
    }
    return result;
}

}  // namespace kvctl::jobs
