#include "gen_native.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "gen_database.hpp"
#include "gen_raft.hpp"

namespace kvctl::gen {

namespace {

struct Key {
    std::string name;
    std::int64_t created = 0;
    std::int64_t version = 0;  ///< 0: not live
    std::int64_t lease = 0;
    bool seen = false;
};

/// Names of 40 to 60 bytes whose order has nothing to do with how often they are written.
std::vector<Key> make_keys(const Options& options) {
    static constexpr std::array k_kinds{"pods",    "leases",         "configmaps",
                                        "secrets", "endpointslices", "events"};
    std::vector<Key> keys(options.keys);
    for (std::uint64_t i = 0; i < keys.size(); ++i) {
        const std::uint64_t dice = mix(options.seed ^ mix(i));
        std::string& name = keys[i].name;
        name = "/registry/" + std::string(k_kinds[dice % k_kinds.size()]) + "/namespace-" +
               std::to_string((dice >> 8U) % 50) + "/" + std::to_string(mix(dice) % 100'000'000) + "-" +
               std::to_string(i);
        const std::uint64_t length = 40 + (dice >> 16U) % 21;
        name.append(length > name.size() ? length - name.size() : 0, 'x');
        const bool leased = static_cast<double>(mix(dice ^ 1U) >> 11U) * 0x1.0p-53 < options.lease_share;
        keys[i].lease = leased ? k_first_lease + static_cast<std::int64_t>(dice % k_raft_leases) : 0;
    }
    return keys;
}

/// How many keys each transaction writes. Its own dice, so that the number of transactions can be known
/// beforehand.
class TransactionSizes {
  public:
    explicit TransactionSizes(const Options& options)
        : random_(~options.seed), share_(options.txn_share), left_(options.rows), keys_(options.keys) {}

    /// 0 after the last one.
    std::uint64_t next() {
        const std::uint64_t wanted = random_.unit() < share_ ? 2 + random_.below(3) : 1;
        const std::uint64_t size = std::min({wanted, left_, keys_});
        left_ -= size;
        return size;
    }

  private:
    Random random_;
    double share_;
    std::uint64_t left_;
    std::uint64_t keys_;
};

std::uint64_t last_revision(const Options& options) {
    std::uint64_t main = k_first_main - 1;
    for (TransactionSizes sizes(options); sizes.next() > 0;) {
        ++main;
    }
    return main;
}

class History {
  public:
    History(NewDatabase& db, const Options& options, Summary& summary)
        : options_(options),
          summary_(summary),
          insert_(db, "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
          keys_(make_keys(options)),
          random_(options.seed),
          values_(options.seed) {
        if (options.raft_entries > 0) {
            raft_ = std::make_unique<RaftTable>(db, last_revision(options), options.raft_entries);
            raft_->write_meta(db);
        }
    }

    /// Writes every transaction; returns the revision of the last one.
    std::uint64_t run() {
        std::uint64_t main = k_first_main - 1;
        TransactionSizes sizes(options_);
        while (const std::uint64_t size = sizes.next()) {
            ++main;
            chosen_.clear();
            for (std::uint64_t sub = 0; sub < size; ++sub) {
                write(main, sub);
            }
            if (raft_) {
                raft_->end_of_transaction(main);
            }
        }
        return main;
    }

  private:
    /// Cubing the dice makes the first hundredth of the keys take a fifth of the writes.
    std::size_t skewed() {
        const double dice = random_.unit();
        return static_cast<std::size_t>(dice * dice * dice * static_cast<double>(keys_.size()));
    }

    /// etcd refuses two writes to one key in a transaction.
    std::size_t pick(bool live) {
        for (int attempt = 0;; ++attempt) {
            const std::size_t key = skewed();
            const bool taken = std::ranges::find(chosen_, key) != chosen_.end();
            if (!taken && (!live || keys_[key].version > 0 || attempt >= 8)) {
                chosen_.push_back(key);
                return key;
            }
        }
    }

    void write(std::uint64_t main, std::uint64_t sub) {
        const bool wants_delete = random_.unit() < options_.delete_share;
        Key& key = keys_[pick(wants_delete)];
        if (!key.seen) {
            key.seen = true;
            summary_.new_key(key.name.size());
        }
        if (wants_delete && key.version > 0) {
            remove(main, sub, key);
        } else {
            put(main, sub, key);
        }
    }

    void remove(std::uint64_t main, std::uint64_t sub, Key& key) {
        key.version = 0;
        key.created = 0;
        insert_.integers({signed_of(main), signed_of(sub), 1, 0, 0, 0, 0});
        insert_.blob(4, key.name);
        insert_.null(8);
        insert_.row();
        summary_.row(main, 2);
        if (raft_) {
            raft_->remove(key.name);
        }
    }

    void put(std::uint64_t main, std::uint64_t sub, Key& key) {
        const bool update = key.version > 0;
        key.created = update ? key.created : signed_of(main);
        ++key.version;
        const std::string_view value = values_.at(main * 4 + sub, key.name, options_.value);
        insert_.integers({signed_of(main), signed_of(sub), 0, 0, key.created, key.version, key.lease});
        insert_.blob(4, key.name);
        insert_.blob(8, value);
        insert_.row();
        summary_.row(main, update ? 1 : 0);
        if (raft_) {
            raft_->put(key.name, value, key.lease);
        }
    }

    static std::int64_t signed_of(std::uint64_t number) { return static_cast<std::int64_t>(number); }

    const Options& options_;
    Summary& summary_;
    Insert insert_;
    std::vector<Key> keys_;
    std::vector<std::size_t> chosen_;  ///< keys of the transaction at hand
    Random random_;
    Values values_;
    std::unique_ptr<RaftTable> raft_;
};

void write_meta(NewDatabase& db, std::uint64_t consistent_index) {
    Insert meta(db, "INSERT INTO meta VALUES (?, ?)");
    meta.text(1, "consistent_index");
    meta.integer(2, static_cast<std::int64_t>(consistent_index));
    meta.row();
    meta.text(1, "term");
    meta.integer(2, 2);
    meta.row();
    Insert lease(db, "INSERT INTO lease VALUES (?, ?)");
    for (std::uint64_t i = 0; i < k_raft_leases; ++i) {
        lease.integers({k_first_lease + static_cast<std::int64_t>(i), lease_ttl(i)});
        lease.row();
    }
}

}  // namespace

void write_native(const Options& options, Summary& summary) {
    NewDatabase db(options.path, options.page_size);
    db.run("PRAGMA application_id = 1802920820; PRAGMA user_version = 1");
    db.run(
        "CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL,"
        " key BLOB NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT "
        "NULL,"
        " value BLOB, PRIMARY KEY (main, sub));"
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL)");
    if (options.raft_entries > 0) {
        db.run(
            "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL,"
            " data BLOB)");
    }
    db.run("BEGIN");
    write_meta(db, raft_index_of(History(db, options, summary).run()));
    if (options.key_index) {
        db.run("CREATE INDEX revision_by_key ON revision (key, main, sub, tombstone)");
    }
    db.run("COMMIT");
}

}  // namespace kvctl::gen
