#include "tests/fuzz/sqlite_pool.hpp"

#include <sanitizer/asan_interface.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace kvctl::fuzz {
namespace {

// Before each block, never poisoned.
struct Head {
    Head* next;  // in a list of free blocks
    std::uint32_t size;
    std::uint32_t bits;  // the block has room for 1 << bits bytes
};
constexpr unsigned k_fewest_bits = 5;
constexpr unsigned k_most_bits = 16;  // larger ones are malloc's
constexpr std::size_t k_chunk = std::size_t{256} << 10;

// Blocks of one size each. A thread's own, so no locks; its chunks are never given back.
struct Pool {
    std::array<Head*, k_most_bits + 1> free{};
    char* rest = nullptr;
    std::size_t rest_bytes = 0;
};
thread_local Pool t_pool;

Head* head_of(void* block) {
    return static_cast<Head*>(block) - 1;
}

Head* fresh(std::size_t bytes) {
    if (bytes > t_pool.rest_bytes) {
        t_pool.rest = static_cast<char*>(std::malloc(k_chunk));
        t_pool.rest_bytes = t_pool.rest == nullptr ? 0 : k_chunk;
        if (t_pool.rest == nullptr) return nullptr;
    }
    char* const at = t_pool.rest;
    t_pool.rest += bytes;
    t_pool.rest_bytes -= bytes;
    return reinterpret_cast<Head*>(at);  // NOLINT: chunks are aligned, and so are sizes
}

void* take(int n) {
    const auto size = static_cast<std::uint32_t>(std::max(n, 1));
    const unsigned bits = std::max(k_fewest_bits, static_cast<unsigned>(std::bit_width(size - 1)));
    const std::size_t room = std::size_t{1} << bits;
    Head* head = nullptr;
    if (bits > k_most_bits) {
        head = static_cast<Head*>(std::malloc(sizeof(Head) + room));
    } else if (t_pool.free[bits] != nullptr) {
        head = t_pool.free[bits];
        t_pool.free[bits] = head->next;
    } else {
        head = fresh(sizeof(Head) + room);
    }
    if (head == nullptr) return nullptr;
    *head = {nullptr, size, bits};
    ASAN_POISON_MEMORY_REGION(head + 1, room);
    ASAN_UNPOISON_MEMORY_REGION(head + 1, size);
    return head + 1;
}

void give_back(void* block) {
    Head* const head = head_of(block);
    if (head->bits > k_most_bits) {
        ASAN_UNPOISON_MEMORY_REGION(block, std::size_t{1} << head->bits);
        return std::free(head);
    }
    ASAN_POISON_MEMORY_REGION(block, std::size_t{1} << head->bits);
    head->next = t_pool.free[head->bits];
    t_pool.free[head->bits] = head;
}

void* resize(void* block, int n) {
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
    sqlite3_config(SQLITE_CONFIG_MALLOC, &k_methods);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace kvctl::fuzz
