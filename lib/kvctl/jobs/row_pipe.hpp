#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kvctl/kube/predecessors.hpp"
#include "kvctl/mvcc/record.hpp"

// Not installed.
namespace kvctl::jobs {

/// Hands rows, with what came before each, to a function on another thread, in order, while the caller reads
/// on; on the caller's own where there is only one core. Some megabytes are under way at a time.
class RowPipe {
  public:
    using Work = std::function<void(const mvcc::Record&, const kube::Predecessors::Before&)>;

    explicit RowPipe(Work work);
    /// Without finish(): what is still under way is dropped.
    ~RowPipe();
    RowPipe(const RowPipe&) = delete;
    RowPipe& operator=(const RowPipe&) = delete;

    /// Copies the row. Throws what the work has thrown.
    void push(const mvcc::Record& record, const kube::Predecessors::Before& before);
    /// Until the work is done. Throws what it has thrown.
    void finish();

  private:
    struct Row {
        mvcc::Record record;  // without its views
        kube::Predecessors::Before before;
        std::size_t key_bytes = 0;
        std::size_t value_bytes = 0;
        std::size_t before_bytes = 0;
        bool has_before = false;
    };
    struct Batch {
        std::vector<Row> rows;
        std::string bytes;  // of each row its key, its value and the value before
        void clear() noexcept {
            rows.clear();
            bytes.clear();
        }
    };
    void hand_over();
    void stop(bool drop) noexcept;
    void run();
    void work_on(const Batch& batch);

    Work work_;
    Batch filling_;  // the caller's
    std::mutex mutex_;
    std::condition_variable changed_;
    Batch waiting_;  // these under the mutex
    bool full_ = false;
    bool ended_ = false;
    bool dropped_ = false;
    std::exception_ptr error_;
    std::atomic<bool> failed_{false};
    std::jthread thread_;
};

}  // namespace kvctl::jobs
