#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/crc32c.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/hash.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "tests/support/data.hpp"
#include "tests/support/history.hpp"
#include "tests/support/index_builder.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/temp_dir.hpp"

// Histories recorded from real etcd servers: what each compaction removed and left, what was stored, hashed
// and held in memory, step by step (testdata/vectors/, and more beside the repository where they are).
using namespace kvctl;
using namespace kvctl::test;
using mvcc::Revision;
using naive::Row;
using nlohmann::json;

namespace {

mvcc::Record record_of(const Row& r) {
    mvcc::Record out;
    out.revision = r.revision;
    out.tombstone = r.tombstone;
    out.key = r.key;
    out.create_revision = r.create_revision;
    out.version = r.version;
    out.lease = r.lease;
    out.value = r.value;
    return out;
}

struct Bucket {
    std::uint32_t crc = crc32c(0, "key");
    std::uint64_t bytes = 0;
    std::uint64_t tombstones = 0;
};

Bucket bucket_of(const std::vector<Row>& rows) {
    Bucket b;
    for (const Row& r : rows) {
        const mvcc::EncodedRevision key(r.revision, r.tombstone);
        std::string value;
        mvcc::append_key_value(value, record_of(r));
        b.crc = crc32c(crc32c(b.crc, key.bytes()), value);
        b.bytes += key.bytes().size() + value.size();
        b.tombstones += r.tombstone ? 1U : 0U;
    }
    return b;
}

std::uint32_t text_crc(const std::string& text) {
    return crc32c(0, text);
}

// A store as read from its file.
struct Opened {
    store::StoreHead head;
    mvcc::TreeIndex index;
    std::vector<Row> rows;
};

class Player {
  public:
    Player(const Recorded& recorded, const mvcc::CompactionRules& rules)
        : rules_(rules), name_(recorded.name) {
        base_ = folder_.file("base.db");
        path_ = folder_.file("s.db");
        const auto text = read_text(recorded.expected);
        auto rows = read_history(recorded.history);
        ready_ = text && rows;
        if (!ready_) return;
        expected_ = json::parse(*text);
        rows_ = std::move(*rows);
        make_native(base_, rows_, {.shuffled = rows_.size() % 3 == 1, .key_index = rows_.size() % 2 == 1});
    }

    void play() {
        CAPTURE(name_);
        if (!ready_) {
            MESSAGE("skipped: no gzip to unpack " << name_);
            return;
        }
        in_file_ = true;
        initial();
        // Through a file costs some milliseconds a step: every run is played on rows in memory and some, ever
        // others in other histories, in a file; all of them when asked for.
        const bool thorough = std::getenv("KVCTL_TEST_THOROUGH") != nullptr;
        std::size_t n = name_.size() % 8;
        for (const json& run : expected_.at("runs")) {
            in_file_ = thorough || n++ % 8 == 0;
            play_run(run);
        }
        if (!expected_.contains("interrupted")) return;
        for (const json& cut : expected_.at("interrupted")) {
            in_file_ = thorough || n++ % 3 == 0;
            resume(cut);
        }
    }

    [[nodiscard]] std::size_t steps() const { return steps_; }
    [[nodiscard]] std::size_t hashes() const { return hashes_; }
    [[nodiscard]] std::size_t resumed() const { return resumed_; }

  private:
    // The store begins as these rows, and perhaps with a compaction that was cut short.
    void set_up(const std::vector<Row>& rows, std::optional<std::int64_t> scheduled) {
        memory_ = rows;
        finished_.reset();
        scheduled_ = scheduled ? std::optional(MainRevision(*scheduled)) : std::nullopt;
        if (!in_file_) return;
        if (!scheduled) {
            std::filesystem::copy_file(base_, path_, std::filesystem::copy_options::overwrite_existing);
            return;
        }
        std::filesystem::remove(path_);
        make_native(path_, rows,
                    {.shuffled = rows.size() % 2 == 1, .meta = {{"scheduled_compact_rev", *scheduled}}});
    }

    [[nodiscard]] Opened open_memory() const {
        Opened o{{}, index_of(memory_, rules_), memory_};
        o.head.finished = finished_;
        o.head.scheduled = scheduled_;
        o.head.compacted = finished_.value_or(MainRevision(-1));
        const MainRevision last(memory_.empty() ? 1 : memory_.back().revision.main);
        o.head.current =
            std::max({MainRevision(1), last, o.head.compacted, scheduled_.value_or(MainRevision(1))});
        return o;
    }

    [[nodiscard]] Opened open() const {
        if (!in_file_) return open_memory();
        const auto s = store::open_store(path_, {});
        Opened o{s->head(), mvcc::TreeIndex(rules_), {}};
        Findings findings;
        o.index = s->load(rules_, findings, nullptr);
        CHECK(findings.empty());
        CHECK(o.index.version_break_count() == 0);
        CHECK(o.index.duplicates() == 0);
        s->every_record(
            [&](const mvcc::Record& r) {
                o.rows.push_back({r.revision, r.tombstone, std::string(r.key), r.create_revision, r.version,
                                  r.lease, std::string(r.value)});
            },
            [&] { o.rows.clear(); });
        return o;
    }

    // [rev, hash] or [rev, null, error]; or an object of the same.
    void check_hash(const Opened& o, std::int64_t at, const json& hash, const std::string& error) {
        CAPTURE(at);
        ++hashes_;
        mvcc::KvHash::Request request;
        request.rules = rules_;
        request.current = o.head.current;
        request.compacted = o.head.compacted;
        request.at = MainRevision(at);
        try {
            mvcc::KvHash h(request);
            for (const Row& r : o.rows) h.add(record_of(r));
            const std::uint32_t got = h.finish().hash;
            CHECK(error.empty());
            if (hash.is_number()) CHECK(got == hash.get<std::uint32_t>());
        } catch (const Error& e) {
            CHECK(error == (e.kind() == ErrorKind::compacted         ? "compacted"
                            : e.kind() == ErrorKind::future_revision ? "future"
                                                                     : e.what()));
        }
    }

    void check_sweep(const Opened& o, const json& sweep) {
        for (const json& one : sweep)
            check_hash(o, one[0].get<std::int64_t>(), one[1],
                       one.size() > 2 ? one[2].get<std::string>() : "");
    }

    void check_hashes(const Opened& o, const json& hashes) {
        for (const char* name : {"at_rev", "at_current"}) {
            const json& h = hashes.at(name);
            check_hash(o, h.at("rev").get<std::int64_t>(), h.at("hash"), h.at("error").get<std::string>());
        }
        if (hashes.contains("sweep")) check_sweep(o, hashes.at("sweep"));
    }

    void initial() {
        set_up(rows_, std::nullopt);
        const Opened o = open();
        const json& e = expected_.at("initial");
        CHECK(o.head.current.value() == e.at("current_revision"));
        CHECK(o.head.compacted.value() == e.at("compact_revision"));
        CHECK(o.index.total().revisions == e.at("entries"));
        CHECK(o.index.total().tombstones == e.at("tombstones"));
        CHECK(o.index.live_keys() == e.at("live_keys"));
        const Bucket bucket = bucket_of(o.rows);
        CHECK(bucket.crc == e.at("bucket_crc32c"));
        CHECK(bucket.bytes == e.at("bytes"));
        CHECK(bucket.tombstones == e.at("tombstones"));
        CHECK(text_crc(index_text(o.index)) == e.at("index_crc32c"));
        check_sweep(o, e.at("hash_sweep"));
        // One write at a time, each of which orders the whole index anew: only for the small ones.
        if (rows_.size() < 2000)
            CHECK(text_crc(index_text(live_index_of(rows_, rules_))) == e.at("index_live_crc32c"));
    }

    struct Compacted {
        mvcc::CompactionPlan plan;
        std::vector<Revision> removed;
        std::string in_memory;  ///< the index as the compaction leaves it
    };

    [[nodiscard]] static Compacted planned(const mvcc::TreeIndex& index, const store::StoreHead& head,
                                           std::int64_t at) {
        const mvcc::CompactionInput input{head.current, head.compacted,
                                          head.pending() ? head.scheduled : std::nullopt};
        Compacted c{mvcc::plan_compaction(index, input, MainRevision(at)), {}, {}};
        c.removed = removed_by(index, c.plan);
        c.in_memory = index_text_after(index, c.plan.compacted_after.value());
        return c;
    }

    Compacted compact(std::int64_t at) {
        if (in_file_) return compact_file(at);
        const Opened o = open_memory();
        Compacted c = planned(o.index, o.head, at);
        std::erase_if(memory_, [&](const Row& r) {
            return std::binary_search(c.removed.begin(), c.removed.end(), r.revision);
        });
        if (c.plan.kind == mvcc::CompactionPlan::Kind::compact)
            finished_ = scheduled_ = c.plan.compacted_after;
        return c;
    }

    // By one executor or another: they must not differ.
    Compacted compact_file(std::int64_t at) {
        store::SqliteWritable writable = store::SqliteWritable::open(path_, {});
        Findings findings;
        const mvcc::TreeIndex index = writable.store().load(rules_, findings, nullptr);
        Compacted c = planned(index, writable.store().head(), at);
        if (c.plan.kind == mvcc::CompactionPlan::Kind::compact) {
            switch (executions_++ % 4) {
                case 0:
                    store::execute_rewrite(writable, index, c.plan, {});
                    break;
                case 1:
                    store::execute_in_place(writable, index, c.plan, {}, 3);
                    break;
                default:
                    store::execute_in_place(writable, index, c.plan, {}, std::nullopt);
                    break;
            }
        }
        writable.close();
        return c;
    }

    void play_run(const json& run) {
        set_up(rows_, std::nullopt);
        CAPTURE(run.at("revs").dump());
        Opened before = open();
        for (const json& step : run.at("steps")) {
            ++steps_;
            const auto at = step.at("rev").get<std::int64_t>();
            CAPTURE(at);
            const auto error = step.at("error").get<std::string>();
            if (error == "future") {
                try {
                    compact(at);
                    FAIL_CHECK("a future revision was taken");
                } catch (const Error& e) {
                    CHECK(e.kind() == ErrorKind::future_revision);
                }
            } else if (error == "compacted") {
                const std::string file = in_file_ ? read_file(path_) : "";
                CHECK(compact(at).plan.kind == mvcc::CompactionPlan::Kind::already_compacted);
                if (in_file_) CHECK(read_file(path_) == file);
            } else {
                play_step(step, at, before);
                before = open();
                check_after(step, at, before);
                // 3.4.23 lets its current revision fall back when the newest rows went; ours does not, and
                // the two part here.
                if (step.at("reopened").at("current_revision") < step.at("current_revision")) return;
            }
            CHECK(before.head.current.value() == step.at("current_revision"));
            CHECK(before.head.compacted.value() == step.at("compact_revision"));
        }
    }

    void play_step(const json& step, std::int64_t at, const Opened& before) {
        if (step.contains("hash_before")) check_hashes(before, step.at("hash_before"));
        const auto [plan, removed, in_memory] = compact(at);
        CHECK(plan.compacted_after.value() == at);
        CHECK(plan.lost_live.empty());
        CHECK(plan.removed.revisions == step.at("removed"));
        CHECK(plan.removed.tombstones == step.at("removed_tombstones"));
        CHECK(plan.kept.revisions == step.at("surviving_count"));
        CHECK(plan.kept.tombstones == step.at("surviving_tombstones"));
        CHECK(text_crc(in_memory) == step.at("index_crc32c"));
        std::vector<Row> gone;
        for (const Row& r : before.rows) {
            if (std::binary_search(removed.begin(), removed.end(), r.revision)) gone.push_back(r);
        }
        CHECK(gone.size() == removed.size());
        CHECK(bucket_of(gone).bytes == step.at("removed_bytes"));
    }

    void check_survivors(const json& surviving, const std::vector<Row>& rows) {
        REQUIRE(rows.size() == surviving.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Row& r = rows[i];
            const json& s = surviving[i];
            const bool same = r.revision.main == s[0] && r.revision.sub == s[1] && r.tombstone == (s[2] == 1);
            CHECK_MESSAGE(same, r.revision << " where " << s.dump() << " was left");
        }
    }

    void check_after(const json& step, std::int64_t at, const Opened& after) {
        const auto scope = step.at("surviving_scope").get<std::string>();
        std::vector<Row> rows = after.rows;
        CHECK(rows.size() == step.at("surviving_count"));
        if (scope == "upto") std::erase_if(rows, [&](const Row& r) { return r.revision.main > at; });
        if (scope != "omitted") check_survivors(step.at("surviving"), rows);
        CHECK(bucket_of(after.rows).crc == step.at("bucket_crc32c"));
        CHECK(after.head.scheduled == MainRevision(step.at("meta").at("scheduled").get<std::int64_t>()));
        CHECK(after.head.finished == MainRevision(step.at("meta").at("finished").get<std::int64_t>()));
        std::uint64_t live = 0;
        for (const mvcc::KeyId id : after.index.sorted_keys())
            live += after.index.key_index(id).get(MainRevision(at)) ? 1U : 0U;
        if (at > 0) CHECK(live == step.at("live_keys_at_rev"));
        CHECK(after.index.live_keys() == step.at("live_keys_current"));
        const json& reopened = step.at("reopened");
        CHECK(text_crc(index_text(after.index)) == reopened.at("index_crc32c"));
        CHECK(after.head.compacted.value() == reopened.at("compact_revision"));
        if (step.contains("hash_after")) check_hashes(after, step.at("hash_after"));
        if (reopened.at("current_revision") == step.at("current_revision")) {
            const json& h = reopened.at("hash_current");
            check_hash(after, h.at("rev").get<std::int64_t>(), h.at("hash"),
                       h.at("error").get<std::string>());
        }
    }

    // A compaction that died after some rows: any later run finishes it. 3.4.23 itself gives up where the
    // rows that are gone were the newest; ours never does (kvctl-store(5)).
    void resume(const json& cut) {
        const auto at = cut.at("rev").get<std::int64_t>();
        const auto deleted = cut.at("deleted").get<std::size_t>();
        CAPTURE(at);
        CAPTURE(deleted);
        ++resumed_;
        const mvcc::TreeIndex whole = index_of(rows_, rules_);
        const mvcc::CompactionPlan plan = mvcc::plan_compaction(
            whole, {MainRevision(rows_.back().revision.main), MainRevision(-1), std::nullopt},
            MainRevision(at));
        const std::vector<Revision> doomed = removed_by(whole, plan);
        REQUIRE(doomed.size() == cut.at("to_delete"));
        std::vector<Row> half;
        std::vector<Row> left;
        for (const Row& r : rows_) {
            const auto d = std::lower_bound(doomed.begin(), doomed.end(), r.revision);
            const bool goes = d != doomed.end() && *d == r.revision;
            if (!goes) left.push_back(r);
            if (!goes || static_cast<std::size_t>(d - doomed.begin()) >= deleted) half.push_back(r);
        }
        set_up(half, at);
        const Opened before = open();
        CHECK(before.head.pending());
        CHECK(before.head.compacted.value() == -1);
        CHECK(before.head.current.value() >= at);
        // Any revision at or below the scheduled one only finishes it.
        const auto [rest, removed, in_memory] = compact(deleted % 2 == 0 ? at : 0);
        CHECK(rest.finishes == MainRevision(at));
        const Opened after = open();
        CHECK_FALSE(after.head.pending());
        CHECK(after.head.finished == MainRevision(at));
        CHECK(after.head.scheduled == MainRevision(at));
        CHECK(bucket_of(after.rows).crc == bucket_of(left).crc);
        if (cut.at("resumed").get<bool>()) {
            check_survivors(cut.at("surviving"), after.rows);
            CHECK(bucket_of(after.rows).crc == cut.at("bucket_crc32c"));
            CHECK(after.head.current.value() == cut.at("current_revision"));
            CHECK(after.head.compacted.value() == cut.at("compact_revision"));
            CHECK(text_crc(in_memory) == cut.at("index_crc32c"));
            const json& h = cut.at("hash_current");
            check_hash(after, h.at("rev").get<std::int64_t>(), h.at("hash"),
                       h.at("error").get<std::string>());
        }
    }

    const mvcc::CompactionRules rules_;
    const std::string name_;
    const TempDir folder_{fast_folder()};
    std::string base_;
    std::string path_;
    bool ready_ = false;
    json expected_;
    std::vector<Row> rows_;
    bool in_file_ = true;
    std::vector<Row> memory_;
    std::optional<MainRevision> scheduled_;
    std::optional<MainRevision> finished_;
    std::size_t steps_ = 0;
    std::size_t hashes_ = 0;
    std::size_t resumed_ = 0;
    std::size_t executions_ = 0;
};

void play_all(const std::string& folder, const mvcc::CompactionRules& rules, std::size_t least) {
    const std::vector<Recorded> all = recorded_histories(folder, true);
    REQUIRE(all.size() >= least);
    std::size_t steps = 0;
    std::size_t hashes = 0;
    std::size_t resumed = 0;
    for (const Recorded& recorded : all) {
        Player player(recorded, rules);
        player.play();
        steps += player.steps();
        hashes += player.hashes();
        resumed += player.resumed();
    }
    MESSAGE(all.size() << " histories of " << folder << ": " << steps << " steps, " << hashes << " hashes, "
                       << resumed << " interrupted runs");
    CHECK(steps > 500);  // with the histories in testdata/ alone
    if (!shared("vectors")) MESSAGE("only the histories in testdata/: the others are not here");
}

}  // namespace

TEST_CASE("vectors: every history of etcd 3.4.23, by the classic rule") {
    play_all("etcd-3.4", mvcc::classic_rules(), 25);
}

TEST_CASE("vectors: every history of etcd 3.4.45, by the keep-at-rev rule") {
    play_all("etcd-3.4.45", mvcc::keep_at_rev_rules(), 18);
}
