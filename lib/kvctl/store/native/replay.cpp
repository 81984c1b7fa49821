#include "kvctl/store/replay.hpp"

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/store/sqlite/bookkeeping.hpp"
#include "kvctl/store/sqlite/writable.hpp"

namespace kvctl::store {
namespace {

class NativeRows final : public ReplayRows {
  public:
    explicit NativeRows(sqlite::Database& db) : db_(db) {}

    void each(const std::function<void(const mvcc::Record& row, std::uint64_t value_bytes)>& f) override {
        sqlite::Statement s = db_.prepare(
            "SELECT main, sub, tombstone, key, create_revision, version, lease, length(value) FROM revision"
            " WHERE main BETWEEN 1 AND 9223372036854775807 ORDER BY main, sub");
        while (s.step()) {
            mvcc::Record r;
            r.revision = {s.integer(0), s.integer(1)};
            r.tombstone = s.integer(2) != 0;
            r.key = s.bytes(3);
            r.create_revision = s.integer(4);
            r.version = s.integer(5);
            r.lease = s.integer(6);
            f(r, static_cast<std::uint64_t>(s.integer(7)));
        }
    }
    [[nodiscard]] std::optional<std::string> value_at(mvcc::Revision revision) override {
        sqlite::Statement s = db_.prepare("SELECT value FROM revision WHERE main = ?1 AND sub = ?2");
        s.bind(1, revision.main).bind(2, revision.sub);
        if (!s.step()) return std::nullopt;
        return std::string(s.bytes(0));
    }

  private:
    sqlite::Database& db_;
};

class NativeReplayWriter final : public ReplayWriter {
  public:
    explicit NativeReplayWriter(SqliteWritable& writable) : store_(writable.store()), db_(store_.db()) {
        writable.check_pages();
    }

    void add(const mvcc::Record& r) override {
        begin();
        if (!insert_) {
            insert_ = db_.prepare(
                "INSERT INTO revision (main, sub, tombstone, key, create_revision, version, lease, value)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        }
        insert_->bind(1, r.revision.main).bind(2, r.revision.sub).bind(3, r.tombstone ? 1 : 0);
        insert_->bind_blob(4, r.key).bind(5, r.create_revision).bind(6, r.version).bind(7, r.lease);
        if (r.tombstone) {
            insert_->bind_null(8);
        } else {
            insert_->bind_blob(8, r.value);
        }
        insert_->run();
    }
    void grant(const Lease& lease) override {
        begin();
        db_.exec("CREATE TABLE IF NOT EXISTS lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL)");
        db_.prepare("INSERT INTO lease (id, ttl) VALUES (?1, ?2)").bind(1, lease.id).bind(2, lease.ttl).run();
    }
    void revoke(std::int64_t lease) override {
        begin();
        db_.prepare("DELETE FROM lease WHERE id = ?1").bind(1, lease).run();
    }
    void schedule(MainRevision revision) override {
        begin();
        record_scheduled_revision(db_, revision);
    }
    void commit(LogIndex index, Term term) override {
        begin();
        record_log_position(db_, index, term);
        transaction_->commit();
        transaction_.reset();
    }
    [[nodiscard]] StoreInfo info_now() override {
        store_.refresh_info();
        return store_.info();
    }

  private:
    void begin() {
        if (!transaction_) transaction_.emplace(db_, sqlite::Transaction::Kind::immediate);
    }

    SqliteStore& store_;
    sqlite::Database& db_;
    std::optional<sqlite::Transaction> transaction_;
    std::optional<sqlite::Statement> insert_;
};

}  // namespace

void check_replayable(const Store& store) {
    const StoreInfo& info = store.info();
    if (info.layout == Layout::native) return;
    if (store.traits().member) {
        throw Error(ErrorKind::read_only_layout,
                    fmt::format("{}: an etcd db is never written; {} makes a native store to replay into",
                                info.path, command_on(info.path, "import -o NEW")));
    }
    throw Error(ErrorKind::refused,
                fmt::format("{}: a {} store has no raft log behind it; replay needs a native store",
                            info.path, name_of(info.layout)));
}

std::unique_ptr<ReplayRows> replay_rows(Store& store) {
    check_replayable(store);
    return std::make_unique<NativeRows>(dynamic_cast<SqliteStore&>(store).db());
}

std::unique_ptr<ReplayWriter> replay_writer(WritableStore& writable) {
    check_replayable(writable.store());
    return std::make_unique<NativeReplayWriter>(dynamic_cast<SqliteWritable&>(writable));
}

}  // namespace kvctl::store
