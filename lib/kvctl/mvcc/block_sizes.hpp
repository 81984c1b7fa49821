#pragma once
#include <cstddef>

/// How much the index allocates at a time. The fuzzers are built with small steps: a history of a few rows
/// then reaches every border, and an execution touches little memory.
namespace kvctl::mvcc::block_sizes {

#ifdef KVCTL_SMALL_BLOCKS
inline constexpr unsigned k_block_bits = 3;
inline constexpr std::size_t k_batch_rows = 5;
inline constexpr unsigned k_key_chunk_bits = 2;
inline constexpr std::size_t k_arena_bytes = 64;
inline constexpr std::size_t k_table_entries = 4;
#else
inline constexpr unsigned k_block_bits = 16;
inline constexpr std::size_t k_batch_rows = 2048;
inline constexpr unsigned k_key_chunk_bits = 14;
inline constexpr std::size_t k_arena_bytes = std::size_t{1} << 18;
inline constexpr std::size_t k_table_entries = 1024;  ///< to begin with; a power of two
#endif

}  // namespace kvctl::mvcc::block_sizes
