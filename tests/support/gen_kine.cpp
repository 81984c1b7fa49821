#include "gen_kine.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "gen_database.hpp"

namespace kvctl::gen {

namespace {

constexpr std::int64_t k_event_ttl = 3660;
constexpr std::int64_t k_master_lease_ttl = 15;

/// What sets the releases of kine apart in a file. A store keeps the columns of the release that made it.
struct Age {
    std::string_view name;
    std::string_view name_type;
    int indexes;             ///< how many of k_indexes exist
    bool full_tombstones;    ///< a tombstone repeats value, lease and create revision
    bool api_server_marker;  ///< the API server keeps its own compaction row
};

constexpr std::array k_ages{
    Age{"v0.1", "INTEGER", 2, true, false},
    Age{"v0.5", "INTEGER", 5, true, false},
    Age{"v0.14.13", "INTEGER", 6, true, true},
    Age{"v0.16.3", "TEXT", 6, false, true},
};

constexpr std::array k_indexes{
    "CREATE INDEX kine_name_index ON kine (name)",
    "CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision)",
    "CREATE INDEX kine_name_id_index ON kine (name, id)",
    "CREATE INDEX kine_id_deleted_index ON kine (id, deleted)",
    "CREATE INDEX kine_prev_revision_index ON kine (prev_revision)",
    "CREATE INDEX kine_id_compact_rev_key_with_prev_revision_index ON kine (id, name, prev_revision)"
    " WHERE name != 'compact_rev_key' AND prev_revision != 0",
};

const Age& age_named(const std::string& name) {
    const auto age = std::ranges::find(k_ages, name, &Age::name);
    if (age == k_ages.end()) {
        throw std::invalid_argument("--schema-age is v0.1, v0.5, v0.14.13 or v0.16.3");
    }
    return *age;
}

struct Key {
    std::string name;
    SizeRange size;
    std::int64_t lease = 0;   ///< seconds to live, 0 = for ever
    std::int64_t newest = 0;  ///< id of its newest row, 0 = none
    std::int64_t newest_put = 0;
    std::int64_t created = 0;
    bool live = false;
};

/// Rows as the server writes them for creates, updates, deletes and ids that never came.
class Writer {
  public:
    Writer(NewDatabase& db, const Options& options, const Age& age, Summary& summary)
        : insert_(db, "INSERT INTO kine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
          age_(age),
          values_(options.seed),
          summary_(summary) {}

    [[nodiscard]] std::uint64_t rows() const noexcept { return static_cast<std::uint64_t>(id_); }

    /// The row that records the compact revision: nothing has been compacted yet.
    void compact_row() {
        insert_.integers({++id_, 0, 1, 0, 0, 0, 0});
        insert_.text(2, "compact_rev_key");
        insert_.blob(8, "");
        insert_.null(9);
        finish(0);
    }

    /// Creates the key, or updates it when it is there.
    void put(Key& key) {
        const bool create = !key.live;
        if (key.newest == 0) {
            summary_.new_key(key.name.size());
        }
        const std::int64_t before = key.newest;
        insert_.integers({++id_, 0, create ? 1 : 0, 0, create ? 0 : key.created, before, key.lease});
        insert_.text(2, key.name);
        // A re-create replaces the tombstone; the value that older releases leave there becomes its old
        // value.
        bind_old_value(key, !create || (before != 0 && age_.full_tombstones));
        const std::string_view value = values_.at(static_cast<std::uint64_t>(id_), key.name, key.size);
        insert_.blob(8, value);
        key.created = create ? id_ : key.created;
        key.newest = key.newest_put = id_;
        key.live = true;
        finish(create ? 0 : 1);
    }

    void remove(Key& key) {
        const bool full = age_.full_tombstones;
        insert_.integers({++id_, 0, 0, 1, full ? key.created : 0, key.newest, full ? key.lease : 0});
        insert_.text(2, key.name);
        bind_old_value(key, true);
        if (full) {
            insert_.blob(8, old_value_);
        } else {
            insert_.null(8);
        }
        key.newest = id_;
        key.live = false;
        finish(2);
    }

    void gap() {
        ++id_;
        const std::string name = "gap-" + std::to_string(id_);
        insert_.integers({id_, 0, 0, 1, 0, 0, 0});
        insert_.text(2, name);
        insert_.null(8);
        insert_.null(9);
        finish(1);
    }

  private:
    void bind_old_value(const Key& key, bool present) {
        if (present) {
            old_value_ = values_.at(static_cast<std::uint64_t>(key.newest_put), key.name, key.size);
            insert_.blob(9, old_value_);
        } else {
            insert_.null(9);
        }
    }

    void finish(unsigned removed) {
        insert_.row();
        summary_.row(static_cast<std::uint64_t>(id_), removed);
    }

    Insert insert_;
    const Age& age_;
    Values values_;
    std::string old_value_;
    Summary& summary_;
    std::int64_t id_ = 0;
};

/// The cluster: decides which key is written next.
class Cluster {
  public:
    Cluster(const Options& options, const Age& age, Writer& writer)
        : writer_(writer),
          random_(options.seed),
          rows_(options.rows),
          gap_share_(options.gap_share),
          small_{options.value.min, std::min(options.value.max, options.value.min * 2)},
          big_(options.value),
          max_events_(std::clamp<std::uint64_t>(options.rows / 250, 20, 4000)),
          cold_left_(cold_objects(options)) {
        const std::uint64_t nodes = std::clamp<std::uint64_t>(options.rows / 50'000, 3, 20);
        for (std::uint64_t i = 1; i <= nodes; ++i) {
            const std::string node = "node-" + std::to_string(i);
            leases_.push_back(key("/registry/leases/kube-node-lease/" + node, small_));
            minions_.push_back(key("/registry/minions/" + node, big_));
        }
        for (const char* name :
             {"apiserver-ejk5u55e7knw3kwxkvlwjo2ole", "k3s", "kube-controller-manager", "kube-scheduler",
              "k3s-cloud-controller-manager", "cert-manager-controller"}) {
            leases_.push_back(key("/registry/leases/kube-system/" + std::string(name), small_));
        }
        for (int i = 0; i < 12; ++i) {
            controlled_.push_back(
                key("/registry/argoproj.io/applications/argocd/app-" + std::to_string(i), big_));
        }
        master_lease_ = key("/registry/masterleases/10.0.0.212", small_);
        master_lease_.lease = k_master_lease_ttl;
        health_ = key("/registry/health", {17, 17});
        api_server_ = key("compact_rev_key_apiserver", {12, 20});
        keeps_marker_ = age.api_server_marker;
        cold_early_ = cold_left_ / 2;
    }

    void run() {
        writer_.compact_row();
        writer_.put(health_);
        while (writer_.rows() < rows_) {
            step();
        }
    }

  private:
    static Key key(std::string name, SizeRange size) {
        Key made;
        made.name = std::move(name);
        made.size = size;
        return made;
    }

    /// Objects written once stay whatever is compacted, so their number sets the share that can go.
    static std::uint64_t cold_objects(const Options& options) {
        const double staying = static_cast<double>(options.rows) * (1 - options.removable_share);
        const double other = static_cast<double>(std::min<std::uint64_t>(options.rows / 4, 1000)) * 0.9 +
                             static_cast<double>(std::clamp<std::uint64_t>(options.rows / 250, 20, 4000));
        return staying > other ? static_cast<std::uint64_t>(staying - other) : 0;
    }

    void step() {
        // Half of the objects appear when the cluster is set up, the others are spread over its life.
        const std::uint64_t left = rows_ - writer_.rows();
        const bool setting_up = cold_left_ > cold_early_ && random_.below(2) == 0;
        const bool later = cold_left_ > 0 && random_.below(left) < cold_left_;
        if (setting_up || later) {
            --cold_left_;
            create_cold();
            return;
        }
        const double dice = random_.unit();
        if (dice < gap_share_) {
            writer_.gap();
        } else if (dice < 0.60) {
            writer_.put(any(leases_));
        } else if (dice < 0.68) {
            writer_.put(master_lease_);
        } else if (dice < 0.72) {
            writer_.put(any(minions_));
        } else if (dice < 0.78) {
            writer_.put(any(controlled_));
        } else if (dice < 0.94) {
            event();
        } else if (dice < 0.985) {
            pod();
        } else if (dice < 0.987 && keeps_marker_) {
            writer_.put(api_server_);
        } else if (!cold_.empty()) {
            touch_cold();
        } else {
            writer_.put(any(leases_));
        }
    }

    Key& any(std::vector<Key>& keys) { return keys[random_.below(keys.size())]; }

    std::string in_namespace() { return "/ns-" + std::to_string(random_.below(97)) + "/"; }

    void create_cold() {
        static constexpr std::array k_kinds{"configmaps",  "secrets",         "deployments",
                                            "replicasets", "serviceaccounts", "endpointslices",
                                            "services",    "rolebindings"};
        const std::string name = std::string("/registry/") + k_kinds[random_.below(k_kinds.size())] +
                                 in_namespace() + "item-" + std::to_string(++serial_);
        cold_.push_back(key(name, big_));
        writer_.put(cold_.back());
    }

    void touch_cold() {
        Key& chosen = any(cold_);
        if (chosen.live && random_.below(20) == 0) {
            writer_.remove(chosen);
        } else {
            writer_.put(chosen);
        }
    }

    /// Events are written once and expire, the oldest first.
    void event() {
        if (events_.size() > max_events_ && random_.below(25) != 0) {
            writer_.remove(events_.front());
            events_.pop_front();
            return;
        }
        const std::string pod = "pod-" + std::to_string(random_.below(1000));
        ++serial_;
        static constexpr const char* k_hex = "0123456789abcdef";
        std::string stamp;
        for (std::uint64_t bits = mix(serial_); stamp.size() < 16; bits >>= 4U) {
            stamp += k_hex[bits & 15U];
        }
        events_.push_back(key("/registry/events" + in_namespace() + pod + "." + stamp, small_));
        events_.back().lease = k_event_ttl;
        writer_.put(events_.back());
    }

    /// Pods are created, report their state some times, and are deleted.
    void pod() {
        if (pods_.size() < 8 || (pods_.size() < 60 && random_.below(5) == 0)) {
            pods_.push_back(
                key("/registry/pods" + in_namespace() + "app-" + std::to_string(++serial_), big_));
            writer_.put(pods_.back());
        } else if (random_.below(6) == 0) {
            writer_.remove(pods_.front());
            pods_.pop_front();
        } else {
            writer_.put(pods_[random_.below(pods_.size())]);
        }
    }

    Writer& writer_;
    Random random_;
    std::uint64_t rows_;
    double gap_share_;
    SizeRange small_;
    SizeRange big_;
    std::uint64_t max_events_;
    std::uint64_t cold_left_;
    std::uint64_t cold_early_ = 0;
    std::uint64_t serial_ = 0;
    bool keeps_marker_ = false;
    Key master_lease_;
    Key health_;
    Key api_server_;
    std::vector<Key> leases_;
    std::vector<Key> minions_;
    std::vector<Key> controlled_;
    std::vector<Key> cold_;
    std::deque<Key> events_;
    std::deque<Key> pods_;
};

}  // namespace

void write_kine(const Options& options, Summary& summary) {
    const Age& age = age_named(options.schema_age);
    NewDatabase db(options.path, options.page_size);
    db.run(
        "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name " + std::string(age.name_type) +
        ", created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER,"
        " value BLOB, old_value BLOB)");
    db.run("BEGIN");
    {
        Writer writer(db, options, age, summary);
        Cluster(options, age, writer).run();
    }
    for (int i = 0; i < age.indexes; ++i) {
        db.run(k_indexes[static_cast<std::size_t>(i)]);
    }
    db.run("COMMIT");
    if (options.wal_mode) {
        db.run("PRAGMA journal_mode = WAL");
    }
}

}  // namespace kvctl::gen
