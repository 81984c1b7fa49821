#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kvctl::test {

/// A row of table kine; nullopt is NULL.
struct KineRow {
    std::int64_t id = 0;
    std::optional<std::string> name;
    std::int64_t created = 0;
    std::optional<std::int64_t> deleted = 0;
    std::int64_t create_revision = 0;
    std::optional<std::int64_t> prev_revision = 0;
    std::int64_t lease = 0;
    std::optional<std::string> value{};
    std::optional<std::string> old_value{};
};

/// Releases of kine after which the table, or its set of indexes, looked different.
enum class KineAge { v0_1, v0_5, v0_14_13, v0_16_3 };
inline constexpr KineAge k_kine_ages[] = {KineAge::v0_1, KineAge::v0_5, KineAge::v0_14_13, KineAge::v0_16_3};

struct KineShape {
    KineAge age = KineAge::v0_16_3;
    bool wal = true;
    int page_size = 4096;
    int reserved = 0;      ///< bytes kept free at the end of each page
    std::string before{};  ///< SQL run first: encoding, auto_vacuum
    std::string after{};   ///< SQL run last
};

/// Writes what kine's log layer writes for creates, updates, deletes and ids it missed. It begins as a first
/// start does: the compact row (id 1), then the health key.
class KineMaker {
  public:
    /// `copies_values`: tombstones as kine before 0.16 wrote them, with the key's last value.
    explicit KineMaker(bool copies_values = false);

    void create(const std::string& name, const std::string& value, std::int64_t lease = 0);
    void update(const std::string& name, const std::string& value);
    void remove(const std::string& name);
    /// Whichever of create and update applies.
    void put(const std::string& name, const std::string& value);
    void gap();
    /// An id that no row has.
    void hole() { ++id_; }
    /// A row as given; its id becomes the newest when it is higher.
    void raw(const KineRow& row);
    /// Drops what kine itself removes at `revision` and sets the compact row.
    void compact(std::int64_t revision);
    [[nodiscard]] bool live(const std::string& name) const;

    [[nodiscard]] std::int64_t current() const { return id_; }
    [[nodiscard]] std::vector<KineRow>& rows() { return rows_; }
    void write(const std::string& path, const KineShape& shape = {}) const;

  private:
    struct Last {
        std::int64_t id = 0;
        bool deleted = false;
        std::int64_t create = 0;
        std::optional<std::string> value;
    };
    bool copies_values_;
    std::int64_t id_ = 0;
    std::vector<KineRow> rows_;
    std::map<std::string, Last> last_;
};

/// A history of about `writes` writes over some keys, compacted half way now and then.
[[nodiscard]] KineMaker random_kine(std::uint32_t seed, std::size_t writes, bool copies_values);

/// The same, and a backlog of `writes` behind it that nobody has compacted.
[[nodiscard]] KineMaker backlogged_kine(std::uint32_t seed, std::size_t writes);

/// Compares two kine files: the second must be the first compacted at `revision` as kine.md 6 and 8 ask,
/// every other byte of rows, schema and settings kept. Yields what is wrong, or nothing.
[[nodiscard]] std::vector<std::string> compare_kine(const std::string& before, const std::string& after,
                                                    std::int64_t revision, bool old_values_dropped = false);

}  // namespace kvctl::test
