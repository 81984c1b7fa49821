#include "kvctl/store/conversion.hpp"
#include "kvctl/store/native/native.hpp"

namespace kvctl::store {
namespace {

class NativeConversion final : public Conversion {
  public:
    NativeConversion(NativeStore& store, TargetKind to, Progress* progress)
        : Conversion(store, to), native_(store) {
        (void)survey(Damage::refused, progress);
        set_meta(store.meta());
    }

  private:
    // By rowid: no index is believed. Rows in no order were compared with theirs as the store was loaded.
    void each_row(const std::function<void(const mvcc::Record&)>& f) override {
        if (!native_.in_order()) {
            native_.each_record(k_first, k_last, f);
            return;
        }
        native_.every_record(f, [&] {
            throw Error(ErrorKind::damaged, native_.info().path + ": rows are not in order any more");
        });
    }

    NativeStore& native_;
};

}  // namespace

std::unique_ptr<Conversion> NativeStore::conversion(TargetKind to, Progress* progress) {
    return std::make_unique<NativeConversion>(*this, to, progress);
}

}  // namespace kvctl::store
