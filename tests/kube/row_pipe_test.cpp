#include "kvctl/jobs/row_pipe.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace kvctl;

namespace {

// Row i: a key, a value of i bytes, and, for every third, a value before.
struct Sent {
    std::string key;
    std::string value;
    std::string before;
    explicit Sent(std::size_t i)
        : key("/key/" + std::to_string(i)),
          value(i, 'v'),
          before(i % 3 == 0 ? std::string(i / 2, 'b') : "") {}
};

void push(jobs::RowPipe& pipe, std::size_t i) {
    const Sent sent(i);
    mvcc::Record record;
    record.revision = {static_cast<std::int64_t>(i), 0};
    record.key = sent.key;
    record.value = sent.value;
    kube::Predecessors::Before before;
    if (i % 3 == 0) before.value = sent.before;
    pipe.push(record, before);
}

}  // namespace

TEST_CASE("row pipe: every row comes through whole and in order, over many batches") {
    std::size_t next = 0;
    std::size_t wrong = 0;
    jobs::RowPipe pipe([&](const mvcc::Record& r, const kube::Predecessors::Before& b) {
        const Sent sent(next);
        const bool same = r.revision.main == static_cast<std::int64_t>(next) && r.key == sent.key &&
                          r.value == sent.value && b.value.has_value() == (next % 3 == 0) &&
                          (!b.value || *b.value == sent.before);
        wrong += same ? 0 : 1;
        ++next;
    });
    for (std::size_t i = 0; i < 3000; ++i) push(pipe, i);
    pipe.finish();
    CHECK(next == 3000);
    CHECK(wrong == 0);
}

TEST_CASE("row pipe: what the work throws comes out, and nothing is worked on afterwards") {
    std::size_t worked = 0;
    const auto run = [&] {
        jobs::RowPipe pipe([&](const mvcc::Record& r, const kube::Predecessors::Before&) {
            if (r.revision.main == 1500) throw std::runtime_error("here");
            ++worked;
        });
        for (std::size_t i = 0; i < 3000; ++i) push(pipe, i);
        pipe.finish();
    };
    CHECK_THROWS_WITH(run(), "here");
    CHECK(worked == 1500);
}

TEST_CASE("row pipe: left without finish() it ends") {
    jobs::RowPipe pipe([](const mvcc::Record&, const kube::Predecessors::Before&) {});
    for (std::size_t i = 0; i < 2000; ++i) push(pipe, i);
}
