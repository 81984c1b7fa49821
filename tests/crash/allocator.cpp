#include "tests/crash/allocator.hpp"

#include <sqlite3.h>

#include <cstdlib>
#include <new>
#include <stdexcept>

#include "kvctl/sqlite/failure.hpp"
#include "tests/crash/harness.hpp"

namespace {

using kvctl::crash::Heap;

// Plain data: operator new must not allocate to decide.
struct State {
    bool armed = false;
    bool persistent = false;
    Heap heap = Heap::program;
    std::uint64_t n = 0;
    std::uint64_t seen = 0;
};
State state;
int calm = 0;
sqlite3_mem_methods real;

bool fails(Heap heap) noexcept {
    if (!state.armed || state.heap != heap || (calm > 0 && heap == Heap::program)) return false;
    ++state.seen;
    return state.persistent ? state.seen >= state.n : state.seen == state.n;
}

void* allocate(std::size_t n) {
    if (fails(Heap::program)) throw std::bad_alloc();
    if (void* const p = std::malloc(n == 0 ? 1 : n)) return p;  // NOLINT: this is operator new
    throw std::bad_alloc();
}

// Where there is no memory SQLite's own allocator tells its log.
void* none(int bytes) {
    sqlite3_log(SQLITE_NOMEM, "failed to allocate %d bytes of memory", bytes);
    return nullptr;
}

}  // namespace

void* operator new(std::size_t n) {
    return allocate(n);
}
void* operator new[](std::size_t n) {
    return allocate(n);
}
void operator delete(void* p) noexcept {
    std::free(p);  // NOLINT
}
void operator delete[](void* p) noexcept {
    std::free(p);  // NOLINT
}
void operator delete(void* p, std::size_t /*n*/) noexcept {
    std::free(p);  // NOLINT
}
void operator delete[](void* p, std::size_t /*n*/) noexcept {
    std::free(p);  // NOLINT
}

namespace kvctl::crash {

void install_allocator() {
    // Nobody asks how much memory is in use, and counting it takes a lock at each allocation.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite::watch_memory();
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
        throw std::runtime_error("SQLite's allocator cannot be had");
    sqlite3_mem_methods mine = real;
    mine.xMalloc = [](int n) { return fails(Heap::sqlite) ? none(n) : real.xMalloc(n); };
    mine.xRealloc = [](void* p, int n) { return fails(Heap::sqlite) ? none(n) : real.xRealloc(p, n); };
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK)
        throw std::runtime_error("SQLite's allocator cannot be replaced");
}

Calm::Calm() noexcept {
    ++calm;
}

Calm::~Calm() {
    --calm;
}

MemoryFault::MemoryFault(Heap heap, std::uint64_t n, bool persistent) {
    state = {true, persistent, heap, n, 0};
}

MemoryFault::~MemoryFault() {
    state.armed = false;
}

std::uint64_t MemoryFault::seen() const noexcept {
    return state.seen;
}

}  // namespace kvctl::crash
