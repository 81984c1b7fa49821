#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/native/native.hpp"

namespace kvctl::store {
namespace {

// What only etcd's db holds (users and roles, alarms) is told and left out.
class BboltConversion final : public Conversion {
  public:
    BboltConversion(BboltStore& store, TargetKind to, Progress* progress)
        : Conversion(store, to), db_(store) {
        (void)survey(Damage::told, progress);
        take_counters();
    }

  private:
    void take_counters() {
        const StoreHead head = store().head();
        if (head.scheduled) add_meta("scheduled_compact_rev", head.scheduled->value());
        if (head.finished) add_meta("finished_compact_rev", head.finished->value());
        if (head.consistent_index) {
            add_meta("consistent_index", static_cast<std::int64_t>(head.consistent_index->value()));
        }
        if (head.term) add_meta("term", static_cast<std::int64_t>(head.term->value()));
        for (const auto& [name, value] : member_rows(store().cluster())) add_meta(name, value);
        if (db_.file().has_digest() && !db_.file().digest_matches()) {
            throw Error(ErrorKind::damaged, store().info().path +
                                                ": the SHA-256 at its end is not that of the snapshot before "
                                                "it: it was cut short or altered "
                                                "(without its last 32 bytes the file is taken as it is)");
        }
        const auto is_on = [&](const char* bucket, std::string_view key) {
            const auto found = db_.file().bucket(bucket);
            if (!found) return false;
            bbolt::Cursor cursor(db_.file(), *found);
            return cursor.seek(key) && cursor.key() == key && cursor.value() == std::string_view("\x01");
        };
        if (is_on("auth", "authEnabled")) {
            warn(fmt::format("authentication is on in this db; a {} store holds no users and roles",
                             name_of(target())));
        }
        for (const EtcdFacts::Alarm& alarm : db_.alarms())
            warn(fmt::format("an alarm is on in this db, {}; a {} store holds none", alarm.text(),
                             name_of(target())));
        take_versions();
    }

    // The rules that the rows follow (choose_rules).
    void take_versions() {
        const EtcdFacts facts = *db_.etcd_facts();
        const auto take = [&](const char* name, const std::optional<std::string>& text) {
            const auto release = text ? mvcc::EtcdRelease::parse(*text) : std::nullopt;
            if (release) add_meta(name, release->number());
        };
        take(k_storage_version, facts.storage_version);
        take(k_cluster_version, facts.cluster_version);
    }

    void each_row(const std::function<void(const mvcc::Record&)>& f) override {
        std::uint64_t altered = 0;
        std::string again;
        store().each_record(k_first, k_last, [&](const mvcc::Record& r) {
            again.clear();
            mvcc::append_key_value(again, r);
            if (r.has_stored && again != r.stored) ++altered;
            f(r);
        });
        if (altered > 0) {
            warn(fmt::format(
                "{} not encoded as etcd does it: a {} store gets what can be told of {}, and hashes differ "
                "from those of the source",
                many(altered, "row") + (altered == 1 ? " is" : " are"), name_of(target()),
                altered == 1 ? "it" : "them"));
        }
    }

    BboltStore& db_;
};

}  // namespace

std::unique_ptr<Conversion> BboltStore::conversion(TargetKind to, Progress* progress) {
    return std::make_unique<BboltConversion>(*this, to, progress);
}

}  // namespace kvctl::store
