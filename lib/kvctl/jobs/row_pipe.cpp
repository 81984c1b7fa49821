#include "kvctl/jobs/row_pipe.hpp"

#include <utility>

#include "kvctl/base/cores.hpp"
#include "kvctl/base/helper_thread.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::size_t k_batch_bytes = std::size_t{1} << 20;
constexpr std::size_t k_batch_rows = 4096;

}  // namespace

RowPipe::RowPipe(Work work) : work_(std::move(work)) {
    if (usable_cores() > 1) thread_ = start_helper([this] { run(); });
}

RowPipe::~RowPipe() {
    stop(true);
}

void RowPipe::push(const mvcc::Record& record, const kube::Predecessors::Before& before) {
    if (!thread_.joinable()) return work_(record, before);
    Row row{record, before, record.key.size(), record.value.size(), 0, before.value.has_value()};
    filling_.bytes.append(record.key).append(record.value);
    if (before.value) {
        row.before_bytes = before.value->size();
        filling_.bytes.append(*before.value);
    }
    filling_.rows.push_back(row);
    if (filling_.bytes.size() >= k_batch_bytes || filling_.rows.size() >= k_batch_rows) hand_over();
}

void RowPipe::hand_over() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !full_; });
    if (error_) std::rethrow_exception(error_);
    std::swap(waiting_, filling_);
    full_ = true;
    changed_.notify_all();
    lock.unlock();
    filling_.clear();
}

void RowPipe::stop(bool drop) noexcept {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        dropped_ = drop;
    }
    changed_.notify_all();
    thread_.join();
}

void RowPipe::finish() {
    if (!thread_.joinable()) return;
    hand_over();
    stop(false);
    if (error_) std::rethrow_exception(error_);
}

void RowPipe::run() {
    Batch batch;
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return full_ || ended_; });
        if (!full_ || dropped_) return;
        std::swap(batch, waiting_);
        full_ = false;
        changed_.notify_all();
        lock.unlock();
        std::exception_ptr error;
        try {
            if (!failed_) work_on(batch);
        } catch (...) {
            error = std::current_exception();
            failed_ = true;
        }
        batch.clear();
        lock.lock();
        if (error) error_ = error;
    }
}

void RowPipe::work_on(const Batch& batch) {
    std::string_view rest = batch.bytes;
    const auto take = [&rest](std::size_t bytes) {
        const std::string_view part = rest.substr(0, bytes);
        rest.remove_prefix(bytes);
        return part;
    };
    for (const Row& row : batch.rows) {
        mvcc::Record record = row.record;
        kube::Predecessors::Before before = row.before;
        record.key = take(row.key_bytes);
        record.value = take(row.value_bytes);
        record.stored = {};
        record.has_stored = false;
        if (row.has_before) before.value = take(row.before_bytes);
        work_(record, before);
    }
}

}  // namespace kvctl::jobs
