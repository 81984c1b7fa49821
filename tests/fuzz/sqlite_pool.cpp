#include "tests/fuzz/sqlite_pool.hpp"

#include <sanitizer/asan_interface.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "kvctl/sqlite/failure.hpp"

namespace kvctl::fuzz {
namespace {

// Before each block, never poisoned.
struct Head {
    Head* next;  // in a list of free blocks
    std::uint32_t size;
    std::uint32_t bits;  // the block has room for 1 << bits bytes
};
constexpr unsigned k_fewest_bits = 5;
constexpr unsigned k_most_bits = 18;  // larger ones are malloc's
constexpr std::size_t k_chunk = std::size_t{1} << 20;

// Blocks of one size each, free ones in lists; chunks are never given back.
struct Pool {
    std::array<Head*, k_most_bits + 1> free{};
    char* rest = nullptr;
    std::size_t rest_bytes = 0;
    Pool* next = nullptr;  // in the list of pools without a thread
};
std::mutex g_mutex;
Pool* g_spare = nullptr;

// A thread has a pool of its own, so no locks, and leaves it to the next thread.
class Lease {
  public:
    Lease() {
        const std::scoped_lock lock(g_mutex);
        pool_ = g_spare;
        g_spare = pool_ == nullptr ? nullptr : pool_->next;
        if (pool_ == nullptr) pool_ = new Pool;
    }
    ~Lease() {
        const std::scoped_lock lock(g_mutex);
        pool_->next = g_spare;
        g_spare = pool_;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    [[nodiscard]] Pool& pool() const { return *pool_; }

  private:
    Pool* pool_;
};
thread_local const Lease t_lease;

Head* head_of(void* block) {
    return static_cast<Head*>(block) - 1;
}

Head* fresh(Pool& pool, std::size_t bytes) {
    if (bytes > pool.rest_bytes) {
        pool.rest = static_cast<char*>(std::malloc(k_chunk));
        pool.rest_bytes = pool.rest == nullptr ? 0 : k_chunk;
        if (pool.rest == nullptr) return nullptr;
    }
    char* const at = pool.rest;
    pool.rest += bytes;
    pool.rest_bytes -= bytes;
    return reinterpret_cast<Head*>(at);  // NOLINT: chunks are aligned, and so are sizes
}

void* take(int n) {
    Pool& pool = t_lease.pool();
    const auto size = static_cast<std::uint32_t>(std::max(n, 1));
    const unsigned bits = std::max(k_fewest_bits, static_cast<unsigned>(std::bit_width(size - 1)));
    const std::size_t room = std::size_t{1} << bits;
    Head* head = nullptr;
    if (bits > k_most_bits) {
        head = static_cast<Head*>(std::malloc(sizeof(Head) + room));
    } else if (pool.free[bits] != nullptr) {
        head = pool.free[bits];
        pool.free[bits] = head->next;
    } else {
        head = fresh(pool, sizeof(Head) + room);
    }
    if (head == nullptr) return nullptr;
    *head = {nullptr, size, bits};
    __asan_poison_memory_region(head + 1, room);
    __asan_unpoison_memory_region(head + 1, size);
    return head + 1;
}

void give_back(void* block) {
    Pool& pool = t_lease.pool();
    Head* const head = head_of(block);
    if (head->bits > k_most_bits) {
        __asan_unpoison_memory_region(block, std::size_t{1} << head->bits);
        return std::free(head);
    }
    __asan_poison_memory_region(block, std::size_t{1} << head->bits);
    head->next = pool.free[head->bits];
    pool.free[head->bits] = head;
}

void* resize(void* block, int n) {
    // Where the block it would get has this one's size, this one will do.
    Head* const head = head_of(block);
    const auto size = static_cast<std::uint32_t>(std::max(n, 1));
    const std::size_t room = std::size_t{1} << head->bits;
    if (head->bits <= k_most_bits && size <= room && size > room / 2) {
        head->size = size;
        __asan_poison_memory_region(block, room);
        __asan_unpoison_memory_region(block, size);
        return block;
    }
    void* const other = take(n);
    if (other == nullptr) return nullptr;
    std::memcpy(other, block, std::min(head_of(block)->size, head_of(other)->size));
    give_back(block);
    return other;
}

}  // namespace

void pool_sqlite_memory() {
    static const sqlite3_mem_methods k_methods{
        take,
        give_back,
        resize,
        [](void* block) { return static_cast<int>(head_of(block)->size); },
        [](int n) { return (n + 7) & ~7; },
        [](void*) { return SQLITE_OK; },
        [](void*) {},
        nullptr};
    sqlite::watch_memory();
    sqlite3_config(SQLITE_CONFIG_MALLOC, &k_methods);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace kvctl::fuzz
