#include <array>
#include <utility>

#include "kvctl/bbolt/format.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/hold.hpp"
#include "kvctl/store/bbolt/writable.hpp"
#include "kvctl/store/layout_case.hpp"

namespace kvctl::store {
namespace {

constexpr std::array k_bbolt_layouts{Layout::bbolt};

std::unique_ptr<Store> open_bbolt(const std::string& path, const std::string& file,
                                  const OpenOptions& options) {
    std::shared_ptr<const BboltHold> hold;
    if (options.against_writers)
        hold = std::make_shared<const BboltHold>(path, file, BboltHold::Kind::shared, options);
    auto store = std::make_unique<BboltStore>(
        path, file, options.without_lock ? bbolt::File::Lock::none : bbolt::File::Lock::shared);
    if (hold) store->keep(std::move(hold));
    return store;
}

std::unique_ptr<WritableStore> open_bbolt_writable(const std::string& path, const OpenOptions& options) {
    return std::make_unique<BboltWritable>(BboltWritable::open(path, options));
}

}  // namespace

constinit const LayoutCase k_bbolt_case{.layouts = k_bbolt_layouts,
                                        .what = "an etcd db (bbolt)",
                                        .starts = bbolt::looks_like_bbolt,
                                        .open = open_bbolt,
                                        .open_writable = open_bbolt_writable,
                                        .salvage = {.into_target = salvage_bbolt}};

}  // namespace kvctl::store
