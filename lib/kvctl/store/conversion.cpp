#include "kvctl/store/conversion.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::store {

Conversion::Conversion(Store& store)
    : store_(store), leases_(store.leases()), current_(store.head().current) {}

std::string Conversion::rows_text(std::uint64_t n) {
    return std::to_string(n) + (n == 1 ? " row" : " rows");
}

mvcc::TreeIndex Conversion::survey(Damage damage, Progress* progress) {
    mvcc::TreeIndex index = store_.load(rules_for(store_, std::nullopt), findings_, progress);
    const mvcc::Tally& total = index.total();
    bytes_ = total.bytes;
    if (damage == Damage::refused) {
        for (const Finding& f : findings_) {
            if (f.severity != Finding::Severity::error) continue;
            throw Error(ErrorKind::damaged, store_.info().path + ": " +
                                                (f.where.empty() ? "" : f.where + ": ") + f.what +
                                                " ('kvctl check' names all such rows)");
        }
    }
    if (index.duplicates() > 0) {
        throw Error(ErrorKind::damaged, store_.info().path + ": " + rows_text(index.duplicates()) +
                                            " with the revision of another row");
    }
    if (index.version_break_count() > 0) {
        warnings_.push_back(
            rows_text(index.version_break_count()) +
            " with a version that does not follow from the key's row before; kept as they are");
    }
    if (findings_.empty()) rows_ = total.revisions - total.gaps;
    return index;
}

void Conversion::each(const std::function<void(const mvcc::Record&)>& f, Progress* progress) {
    std::uint64_t n = 0;
    const auto counted = [&](const mvcc::Record& r) {
        if ((++n & 0xFFF) == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("copying", n, rows_.value_or(0));
        }
        f(r);
    };
    each_row(counted);
    if (rows_ && n != *rows_) {
        throw Error(ErrorKind::damaged, store_.info().path + ": " + rows_text(n) + " read where " +
                                            std::to_string(*rows_) +
                                            " were counted: 'kvctl check' tells what is wrong");
    }
}

}  // namespace kvctl::store
