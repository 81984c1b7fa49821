#include <doctest/doctest.h>

#include "kvctl/dqlite/command.hpp"
#include "kvctl/dqlite/metadata.hpp"

using namespace kvctl;
using namespace kvctl::dqlite;

TEST_CASE("dqlite metadata: 32 bytes of format 1 and a version, or nothing") {
    const Metadata m{7, Term(3), 12345};
    const std::string bytes = encode(m);
    CHECK(bytes.size() == 32);
    CHECK(decode_metadata(bytes) == m);
    CHECK_FALSE(decode_metadata(bytes.substr(0, 31)));
    CHECK_FALSE(decode_metadata(bytes + '\0'));
    CHECK_FALSE(decode_metadata(std::string(32, '\0')));
    CHECK_FALSE(decode_metadata(encode(Metadata{0, Term(3), 12345})));
}

TEST_CASE(
    "dqlite configuration: members keep id, address and role; what is cut short or unknown is refused") {
    const Configuration all{{3297041220608546238U, "127.0.0.1:19101", Role::voter},
                            {2, "b:1", Role::standby},
                            {3, "", Role::spare}};
    const std::string bytes = encode(all);
    CHECK(bytes.size() % 8 == 0);
    CHECK(decode_configuration(bytes) == all);
    CHECK(decode_configuration(bytes + "garbage") == all);  // padding may be anything
    CHECK(voters(all) == 1);
    for (std::size_t n = 0; n < 9 + 25 + 13 + 10; ++n) CHECK_FALSE(decode_configuration(bytes.substr(0, n)));
    std::string bad = bytes;
    bad[9 + 8 + 16] = 9;  // the first one's role
    CHECK_FALSE(decode_configuration(bad));
    std::string many = bytes;
    many[7] = 1;  // a count of 2^48 and more
    CHECK_FALSE(decode_configuration(many));
}

TEST_CASE("dqlite snapshot description: any flipped bit is a fault") {
    const SnapshotMeta meta{LogIndex(4), {{1, "a:1", Role::voter}}};
    const std::string bytes = encode(meta);
    CHECK(decode_snapshot_meta(bytes).meta == meta);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
        CAPTURE(bit);
        CHECK_FALSE(decode_snapshot_meta(flipped).meta);
    }
    for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(decode_snapshot_meta(bytes.substr(0, n)).meta);
}

TEST_CASE("dqlite commands: frames are exactly as long as their pages say") {
    std::string head =
        std::string("\x01\x02\0\0\0\0\0\0", 8) + std::string("db\0\0\0\0\0\0", 8) + std::string(12, '\0');
    head += std::string("\x01\0\0\0\x02\0\0\0\0\x02\0\0", 12);  // commits, two pages of 512
    const std::string numbers = std::string("\x05\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", 16);
    const std::string bytes = head + numbers + std::string(512, 'a') + std::string(512, 'b');
    const auto command = decode_command(bytes);
    REQUIRE(command);
    const auto* const frames = std::get_if<Frames>(&*command);
    REQUIRE(frames != nullptr);
    CHECK(frames->database == "db");
    CHECK(frames->commit);
    CHECK(frames->pages == 2);
    CHECK(frames->number(0) == 5);
    CHECK(frames->content(1) == std::string(512, 'b'));
    CHECK_FALSE(decode_command(bytes + 'x'));
    CHECK_FALSE(decode_command(bytes.substr(0, bytes.size() - 1)));
    CHECK_FALSE(decode_command(head));
    CHECK_FALSE(decode_command(std::string("\x01\x09\0\0\0\0\0\0", 8)));
    CHECK_FALSE(decode_command(std::string("\x02\x03\0\0\0\0\0\0", 8)));
    CHECK(name_of(*decode_command(std::string("\x01\x03\0\0\0\0\0\0", 8))) == "undo");
    CHECK_FALSE(decode_command(""));
}
