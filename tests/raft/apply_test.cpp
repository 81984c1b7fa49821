#include "kvctl/raft/apply.hpp"

#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "tests/support/check_error.hpp"

using namespace kvctl;
using namespace kvctl::raft;
using Result = Compare::Result;
using Target = Compare::Target;

namespace {

template <class Body>
Request request(RequestKind kind, Body body) {
    Request r;
    r.kind = kind;
    r.body = std::move(body);
    return r;
}

Put put_of(std::string_view key, std::string_view value, std::int64_t lease = 0) {
    Put p;
    p.key = key;
    p.value = value;
    p.lease = lease;
    return p;
}
Put keeping_value(std::string_view key, std::int64_t lease = 0) {
    Put p = put_of(key, "", lease);
    p.ignore_value = true;
    return p;
}
Put keeping_lease(std::string_view key, std::string_view value) {
    Put p = put_of(key, value);
    p.ignore_lease = true;
    return p;
}
DeleteRange del_of(std::string_view key, std::string_view end = {}) {
    return {key, end, false};
}
Range range_at(std::int64_t revision) {
    Range r;
    r.key = "a";
    r.revision = revision;
    return r;
}

Compare number_compare(Target target, Result result, std::string_view key, std::int64_t operand,
                       std::string_view end = {}) {
    Compare c;
    c.target = target;
    c.result = result;
    c.key = key;
    c.range_end = end;
    c.operand_of = target;
    c.number = operand;
    return c;
}
Compare value_compare(Result result, std::string_view key, std::string_view operand,
                      std::string_view end = {}) {
    Compare c;
    c.target = Target::value;
    c.result = result;
    c.key = key;
    c.range_end = end;
    c.operand_of = Target::value;
    c.bytes = operand;
    return c;
}

template <class... Ts>
std::vector<Op> ops(Ts&&... items) {
    std::vector<Op> all;
    (all.emplace_back(std::forward<Ts>(items)), ...);
    return all;
}
std::unique_ptr<Txn> nested(std::vector<Compare> compare, std::vector<Op> success, std::vector<Op> failure) {
    return std::make_unique<Txn>(Txn{std::move(compare), std::move(success), std::move(failure)});
}

// A server without its disk: values are kept by revision.
class Server {
  public:
    explicit Server(ApplyState state = {})
        : applier_(std::move(state), [this](std::string_view, const LiveKey& row) {
              ++values_read;
              return values_.at({row.main, row.sub});
          }) {}

    Applied apply(const Request& r) {
        Applied a = applier_.apply(r);
        for (const Change& c : a.changes) values_[{c.main, c.sub}] = c.value;
        return a;
    }
    // What happened, as one line.
    std::string run(const Request& r) {
        const Applied a = apply(r);
        std::ostringstream out;
        out << name_of(a.error);
        for (const Change& c : a.changes) {
            out << (out.tellp() > 0 ? "; " : "") << c.main << '.' << c.sub << ' ';
            if (c.tombstone) {
                out << "del " << c.key;
            } else {
                out << c.key << '=' << c.value << " c" << c.create_revision << " v" << c.version;
            }
            if (c.lease != 0) out << " l" << c.lease;
        }
        if (a.failed_by_range_alone) out << " (range)";
        return out.str();
    }
    std::string put(std::string_view key, std::string_view value, std::int64_t lease = 0) {
        return run(request(RequestKind::put, put_of(key, value, lease)));
    }
    std::string put(const Put& p) { return run(request(RequestKind::put, p)); }
    std::string del(std::string_view key, std::string_view end = {}) {
        return run(request(RequestKind::delete_range, del_of(key, end)));
    }
    std::string txn(std::vector<Compare> compare, std::vector<Op> success, std::vector<Op> failure = {}) {
        return run(
            request(RequestKind::txn, Txn{std::move(compare), std::move(success), std::move(failure)}));
    }
    std::string grant(std::int64_t id, std::int64_t ttl) {
        return run(request(RequestKind::lease_grant, LeaseGrant{ttl, id}));
    }
    std::string revoke(std::int64_t id) { return run(request(RequestKind::lease_revoke, LeaseRevoke{id})); }
    std::string compact(std::int64_t at) {
        return run(request(RequestKind::compaction, Compaction{at, false}));
    }
    std::string alarm(Alarm::Action action, std::uint64_t member, std::uint64_t alarm) {
        return run(request(RequestKind::alarm, Alarm{action, member, alarm}));
    }
    // Whether the conditions hold; changes nothing but the revision of key "probe".
    bool holds(std::vector<Compare> compare) {
        return txn(std::move(compare), ops(put_of("probe", "yes")), ops(put_of("probe", "no")))
                   .find("=yes") != std::string::npos;
    }
    [[nodiscard]] const ApplyState& state() const { return applier_.state(); }
    int values_read = 0;

  private:
    std::map<std::pair<std::int64_t, std::int64_t>, std::string> values_;
    Applier applier_;
};

}  // namespace

TEST_CASE("apply: puts and deletes make one revision a request, a delete of nothing none") {
    Server s;
    CHECK(s.put("foo", "v1") == "2.0 foo=v1 c2 v1");
    CHECK(s.put("foo", "v1") == "3.0 foo=v1 c2 v2");
    CHECK(s.del("nothing").empty());
    CHECK(s.del("foo") == "4.0 del foo");
    CHECK(s.del("foo").empty());
    CHECK(s.put("foo", "v2") == "5.0 foo=v2 c5 v1");
    CHECK(s.state().current == MainRevision(5));
    CHECK(s.values_read == 0);
}

TEST_CASE("apply: a range delete goes through the keys in byte order") {
    const std::string zero("\0", 1);
    const std::string k0("k\0", 2);
    struct Row {
        std::string name;
        std::string key;
        std::string end;
        std::string want;
    };
    const std::vector<Row> rows{
        {"half open", "b", "d", "6.0 del b; 6.1 del c"},
        {"to the end of all keys", "c", zero, "6.0 del c; 6.1 del d"},
        {"everything", zero, zero, "6.0 del a; 6.1 del b; 6.2 del c; 6.3 del d"},
        {"end before the key", "d", "a", ""},
        {"end is the key", "b", "b", ""},
        {"a present but empty end is none", "b", "", "6.0 del b"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Server s;
        for (const char* key : {"d", "a", "c", "b"}) s.put(key, "x");
        CHECK(s.del(row.key, row.end) == row.want);
    }
}

TEST_CASE("apply: comparisons") {
    // a: create 2, version 2, mod 3, lease 7, value "m"; b: create 4, version 1, mod 4, no lease, value "n".
    struct Row {
        std::string name;
        Compare compare;
        bool want;
    };
    const std::vector<Row> rows{
        {"version equal", number_compare(Target::version, Result::equal, "a", 2), true},
        {"version greater", number_compare(Target::version, Result::greater, "a", 2), false},
        {"version less", number_compare(Target::version, Result::less, "a", 3), true},
        {"version not equal", number_compare(Target::version, Result::not_equal, "a", 2), false},
        {"create", number_compare(Target::create, Result::equal, "a", 2), true},
        {"mod", number_compare(Target::mod, Result::equal, "a", 3), true},
        {"lease", number_compare(Target::lease, Result::equal, "a", 7), true},
        {"no lease is 0", number_compare(Target::lease, Result::equal, "b", 0), true},
        {"value equal", value_compare(Result::equal, "a", "m"), true},
        {"value greater", value_compare(Result::greater, "a", "l"), true},
        {"value less", value_compare(Result::less, "a", "ma"), true},
        {"value not equal", value_compare(Result::not_equal, "a", "m"), false},
        {"a missing key has version 0", number_compare(Target::version, Result::equal, "z", 0), true},
        {"a missing key has create revision 0", number_compare(Target::create, Result::less, "z", 1), true},
        {"a missing key has no value, not even another", value_compare(Result::not_equal, "z", "m"), false},
        {"all keys of a range", number_compare(Target::mod, Result::less, "a", 5, "c"), true},
        {"not all keys of a range", number_compare(Target::mod, Result::less, "a", 4, "c"), false},
        {"an open range", number_compare(Target::mod, Result::greater, "b", 3, std::string_view("\0", 1)),
         true},
        {"an empty range is a missing key", number_compare(Target::version, Result::equal, "x", 0, "z"),
         true},
        {"values of a range", value_compare(Result::greater, "a", "m", "c"), false},
        {"an empty range has no value", value_compare(Result::not_equal, "x", "m", "z"), false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Server s;
        s.grant(7, 60);
        s.put("a", "k");
        s.put("a", "m", 7);
        s.put("b", "n");
        CHECK(s.holds({row.compare}) == row.want);
    }
    Server s;
    Compare other_arm = number_compare(Target::version, Result::equal, "a", 5);
    other_arm.operand_of = Target::mod;
    CHECK(s.holds({other_arm}));  // the operand of another target counts as 0, and so does the missing key
    Compare unknown;
    unknown.known = false;
    test::check_error(ErrorKind::refused, "comparison", [&] { (void)s.holds({unknown}); });
}

TEST_CASE("apply: all conditions must hold, none is true") {
    Server s;
    s.put("a", "1");
    CHECK(s.holds({}));
    CHECK_FALSE(s.holds({number_compare(Target::version, Result::equal, "a", 1),
                         number_compare(Target::version, Result::equal, "a", 2)}));
}

TEST_CASE("apply: nested transactions look at the state before the outermost one") {
    Server s;
    s.put("a", "1");
    // The put of b does not make the nested condition true.
    CHECK(s.txn({}, ops(put_of("b", "x"),
                        nested({number_compare(Target::version, Result::greater, "b", 0)},
                               ops(put_of("c", "seen")), ops(put_of("c", "unseen"), del_of("a"))),
                        put_of("d", "last"))) ==
          "3.0 b=x c3 v1; 3.1 c=unseen c3 v1; 3.2 del a; 3.3 d=last c3 v1");
    // A branch that is not taken decides nothing: its condition may even be unknown.
    Compare unknown;
    unknown.known = false;
    CHECK(s.txn({number_compare(Target::version, Result::equal, "b", 1)}, ops(put_of("b", "y")),
                ops(nested({unknown}, {}, {}))) == "4.0 b=y c3 v2");
    // Two levels down, in order.
    CHECK(s.txn({}, ops(nested({}, ops(put_of("x", "1"), nested({}, ops(put_of("y", "2")), {})), {}),
                        put_of("z", "3"))) == "5.0 x=1 c5 v1; 5.1 y=2 c5 v1; 5.2 z=3 c5 v1");
}

TEST_CASE("apply: a transaction that writes nothing makes no revision") {
    Server s;
    s.put("a", "1");
    CHECK(s.txn({}, ops(del_of("nothing"), range_at(0))).empty());
    CHECK(s.txn({}, {}).empty());
    CHECK(s.state().current == MainRevision(2));
}

TEST_CASE("apply: a transaction's deletes see its puts, and a put after a delete begins a life") {
    Server s;
    s.put("b", "1");
    CHECK(s.txn({}, ops(put_of("c", "2"), del_of("b", std::string_view("\0", 1)), put_of("b", "3"))) ==
          "3.0 c=2 c3 v1; 3.1 del b; 3.2 del c; 3.3 b=3 c3 v1");
    CHECK(s.state().keys.size() == 1);
    CHECK(s.state().keys.at("b") == LiveKey{3, 1, 0, 3, 3});
}

TEST_CASE("apply: a failed check undoes the whole transaction") {
    Server s;
    s.put("a", "1");
    const ApplyState before = s.state();
    CHECK(s.txn({}, ops(put_of("a", "2"), put_of("b", "3", 99))) == "lease-not-found");
    CHECK(s.txn({}, ops(put_of("b", "2"), keeping_value("c"))) == "key-not-found");
    // Existence is judged before the transaction: its own put does not count.
    CHECK(s.txn({}, ops(put_of("c", "2"), nested({}, ops(keeping_value("c")), {}))) == "key-not-found");
    CHECK(s.txn({}, ops(put_of("a", "2"), range_at(3))) == "future-revision (range)");
    CHECK(s.txn({}, ops(put_of("a", "2"), nested({}, ops(range_at(3)), {}))) == "future-revision");
    CHECK(s.txn({}, ops(range_at(3), put_of("b", "3", 99))) == "future-revision");
    CHECK(s.state().keys == before.keys);
    CHECK(s.state().current == before.current);
    CHECK(s.txn({}, ops(range_at(2), put_of("a", "2"))) == "3.0 a=2 c2 v2");
}

TEST_CASE("apply: a put that keeps the value of a key deleted before it stops a server") {
    Server s;
    s.put("a", "1");
    test::check_error(ErrorKind::refused, "stops",
                      [&] { (void)s.txn({}, ops(del_of("a"), keeping_value("a"))); });
    CHECK(s.state().keys.contains("a"));
    CHECK(s.put("b", "2") == "3.0 b=2 c3 v1");
}

TEST_CASE("apply: ignore_value and ignore_lease") {
    Server s;
    s.grant(7, 60);
    s.grant(8, 60);
    CHECK(s.put(keeping_value("a")) == "key-not-found");
    CHECK(s.put(keeping_lease("a", "x")) == "key-not-found");
    s.put("a", "one", 7);
    CHECK(s.put(keeping_value("a", 8)) == "3.0 a=one c2 v2 l8");
    CHECK(s.put(keeping_lease("a", "two")) == "4.0 a=two c2 v3 l8");
    CHECK(s.put(keeping_value("a")) == "5.0 a=two c2 v4");
    CHECK(s.values_read == 2);
    // Inside a transaction the value kept is the one written before.
    CHECK(s.txn({}, ops(put_of("a", "three"), keeping_value("a"))) == "6.0 a=three c2 v5; 6.1 a=three c2 v6");
}

TEST_CASE("apply: leases") {
    Server s;
    CHECK(s.grant(0, 60) == "lease-not-found");
    CHECK(s.grant(7, k_max_lease_ttl + 1) == "lease-ttl-too-large");
    CHECK(s.grant(7, 1).empty());
    CHECK(s.state().leases.at(7).ttl == k_min_lease_ttl);
    CHECK(s.grant(7, 60) == "lease-exists");
    CHECK(s.grant(8, k_max_lease_ttl).empty());
    CHECK(s.state().current == MainRevision(1));
    CHECK(s.put("a", "1", 9) == "lease-not-found");
    s.put("b", "1", 7);
    s.put("a", "1", 7);
    s.put("c", "1", 7);
    s.put("c", "2", 8);  // another lease
    s.put("d", "1", 7);
    s.put("d", "2");  // none
    s.put("e", "1", 7);
    s.del("e");
    CHECK(s.revoke(7) == "10.0 del a; 10.1 del b");
    CHECK(s.revoke(7) == "lease-not-found");
    CHECK(s.state().leases.size() == 1);
    s.del("c");
    CHECK(s.revoke(8).empty());  // nothing attached: no revision
    CHECK(s.state().leases.empty());
    CHECK(s.state().current == MainRevision(11));
}

TEST_CASE("apply: compactions are accepted above the last and up to the current revision") {
    Server s;
    const auto outcome = [&](std::int64_t at) {
        const Applied a = s.apply(request(RequestKind::compaction, Compaction{at, true}));
        return a.compaction ? "ok " + std::to_string(a.compaction->value()) : std::string(name_of(a.error));
    };
    s.put("a", "1");
    s.put("a", "2");
    CHECK(outcome(-1) == "compacted");
    CHECK(outcome(0) == "ok 0");  // once, on a store never compacted
    CHECK(outcome(0) == "compacted");
    CHECK(outcome(4) == "future-revision");
    CHECK(outcome(3) == "ok 3");
    CHECK(outcome(3) == "compacted");
    CHECK(s.state().current == MainRevision(3));
    CHECK(s.txn({}, ops(put_of("a", "3"), range_at(2))) == "compacted (range)");
    CHECK(s.txn({}, ops(put_of("a", "3"), range_at(3))) == "4.0 a=3 c2 v3");
}

TEST_CASE("apply: a NOSPACE alarm stops what adds, a CORRUPT alarm nearly everything") {
    Server s;
    s.put("a", "1");
    s.grant(7, 60);
    s.put("b", "1", 7);
    using Action = Alarm::Action;
    CHECK(s.alarm(Action::get, 1, 1).empty());
    CHECK(s.put("a", "2") == "4.0 a=2 c2 v2");
    s.alarm(Action::activate, 1, 1);
    s.alarm(Action::activate, 2, 1);
    CHECK(s.put("a", "3") == "no-space");
    CHECK(s.grant(8, 60) == "no-space");
    CHECK(s.txn({}, {}, ops(nested({}, {}, ops(put_of("z", "1"))))) == "no-space");  // in any branch
    CHECK(s.txn({}, ops(del_of("nothing"), range_at(0))).empty());
    CHECK(s.del("a") == "5.0 del a");
    CHECK(s.revoke(7) == "6.0 del b");
    CHECK(s.compact(3).empty());
    s.alarm(Action::deactivate, 1, 1);
    CHECK(s.put("a", "3") == "no-space");  // the other member's is still on
    s.alarm(Action::deactivate, 2, 1);
    CHECK(s.put("a", "3") == "7.0 a=3 c7 v1");

    s.grant(9, 60);
    s.alarm(Action::activate, 1, 2);
    CHECK(s.put("a", "4") == "corrupt");
    CHECK(s.del("a") == "corrupt");
    CHECK(s.txn({}, {}) == "corrupt");
    CHECK(s.compact(5) == "corrupt");
    CHECK(s.grant(10, 60) == "corrupt");
    CHECK(s.revoke(9) == "corrupt");
    s.alarm(Action::deactivate, 1, 2);
    CHECK(s.revoke(9).empty());
}

TEST_CASE("apply: requests without effect on keys change nothing") {
    Server s;
    s.put("a", "1");
    for (std::size_t i = 0; i < k_request_kinds; ++i) {
        Request r;
        r.kind = static_cast<RequestKind>(i);
        if (r.kind == RequestKind::put || r.kind == RequestKind::delete_range) continue;
        CAPTURE(std::string(name_of(r.kind)));
        CHECK(s.run(r).empty());
    }
    CHECK(s.state().current == MainRevision(2));
}

TEST_CASE("apply: the state comes back from the rows of a store") {
    ApplyState state;
    state.leases[7].ttl = 60;
    state.restore("a", false, {2, 1, 7, 2, 0});
    state.restore("b", false, {3, 1, 7, 3, 0});
    state.restore("a", false, {2, 2, 0, 4, 0});
    state.restore("gone", true, {});
    state.restore("c", false, {5, 1, 99, 5, 0});  // its lease is not there
    state.restore("b", true, {});
    state.restore("b", false, {7, 1, 7, 7, 0});
    state.current = MainRevision(7);
    CHECK(state.leases.at(7).keys == std::set<std::string, std::less<>>{"b"});
    CHECK(state.keys.size() == 3);
    Server s(state);
    CHECK(s.revoke(7) == "8.0 del b");
    CHECK(s.put("a", "x") == "9.0 a=x c2 v3");
}

TEST_CASE("apply: what reads values") {
    std::vector<std::string> reads;
    const auto note = [&](std::string_view key, std::string_view end) {
        reads.push_back(std::string(key) + "-" + std::string(end));
    };
    each_value_read(request(RequestKind::put, put_of("a", "1")), note);
    each_value_read(request(RequestKind::put, keeping_value("b")), note);
    each_value_read(
        request(RequestKind::txn,
                Txn{{number_compare(Target::mod, Result::equal, "c", 1),
                     value_compare(Result::equal, "d", "x", "e")},
                    {},
                    ops(nested({value_compare(Result::less, "f", "x")}, ops(keeping_value("g")), {}))}),
        note);
    CHECK(reads == std::vector<std::string>{"b-", "d-e", "f-", "g-"});
}
