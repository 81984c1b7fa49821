// One bit flipped at a time, in every page of small stores and logs (README.md).
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/dqlite/state.hpp"
#include "kvctl/raftlog/wal_dir.hpp"
#include "kvctl/sqlite/failure.hpp"
#include "tests/fuzz/bbolt_target.hpp"
#include "tests/fuzz/examine.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/sqlite_edit.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/dqlite_maker.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wal_writer.hpp"

namespace fs = std::filesystem;
using namespace kvctl;
using fuzz::promise;

namespace {

struct Counts {
    std::uint64_t flips = 0;
    std::uint64_t opened = 0;
    std::uint64_t sound = 0;
    std::uint64_t compacted = 0;
    std::uint64_t broken = 0;
};

struct Subject {
    std::string name;
    std::string bytes;
    std::size_t page_size = 512;
    std::function<fuzz::Examined(const std::string& flipped, unsigned turn)> judge;
};

unsigned be16(const std::string& bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]) * 256U + static_cast<unsigned char>(bytes[at + 1]);
}

struct Flip {
    std::size_t at;
    unsigned bit;
};

// One bit in so many of the whole.
std::vector<Flip> every(const Subject& s, std::size_t step) {
    std::vector<Flip> all;
    for (std::size_t n = 0; n < s.bytes.size() * 8; n += step)
        all.push_back({n / 8, static_cast<unsigned>(n % 8)});
    return all;
}

// Offsets worth a flip: of each page the header, some cell pointers, the first bytes of some cells and a few
// elsewhere.
std::vector<std::size_t> places(const Subject& s) {
    std::vector<std::size_t> all;
    for (std::size_t page = 0; page < s.bytes.size(); page += s.page_size) {
        const std::size_t end = std::min(page + s.page_size, s.bytes.size());
        const auto add = [&](std::size_t at) {
            if (at < end) all.push_back(at);
        };
        if (page == 0) {
            for (std::size_t at = 16; at < 100; at += 5) add(at);
        }
        const std::size_t header = page == 0 && s.bytes.starts_with("SQLite") ? 100 : page;
        for (std::size_t i = 0; i < 12; i += 2) add(header + i + (page / s.page_size) % 2);
        const bool leaf = header + 16 < end && (s.bytes[header] == 13 || s.bytes[header] == 10);
        for (std::size_t i = 0; leaf && i < be16(s.bytes, header + 3); i += 3) {
            const std::size_t pointer = header + 8 + 2 * i;
            if (pointer + 2 > end) break;
            add(pointer + i % 2);
            for (std::size_t k = 0; k < 9; k += 2) add(page + be16(s.bytes, pointer) + k + i % 2);
        }
        for (std::size_t at = page + 30; at < end; at += s.page_size / 8 + 3) add(at);
    }
    return all;
}

void try_commands(const std::string& path, unsigned turn) {
    const std::vector<std::vector<std::string>> commands{
        {"status", path},
        {"check", path},
        {"compact", "--dry-run", "--keep-last", std::to_string(turn % 9), path}};
    for (const auto& args : commands) {
        const test::Result r = test::run_cli(args);
        promise(r.code != 1, args.front() + " ended with 1: " + r.err);
    }
}

fuzz::Examined judge_sqlite(const std::string& name, const fuzz::StoreFiles& files, unsigned turn) {
    const std::string path = (fuzz::scratch_folder() / name).string();
    files.write(path);
    try_commands(path, turn);
    const fuzz::Examined result =
        fuzz::examine(path, turn, turn % 5 == 0 ? fuzz::Work::compact_itself : fuzz::Work::compact_copy);
    fuzz::remove_store(path);
    return result;
}

// No checksum covers a page's elements, but they are packed: a bit of their headers is told or harmless.
fuzz::Examined judge_bbolt(const std::string& sound, const std::string& bytes, unsigned turn) {
    const auto at = static_cast<std::size_t>(std::mismatch(sound.begin(), sound.end(), bytes.begin()).first -
                                             sound.begin());
    const std::vector<std::size_t> headers = fuzz::element_headers(sound);
    if (std::find(headers.begin(), headers.end(), at) != headers.end()) {
        const auto now = fuzz::etcd_content(bytes);
        promise(!now || now == fuzz::etcd_content(sound), "a damaged element header is believed");
    }
    const std::string path = (fuzz::scratch_folder() / "db").string();
    test::write_file(path, bytes);
    try_commands(path, turn);
    fuzz::Examined result;
    result.opened = fuzz::read_as_bbolt(bytes, fuzz::Depth::deep);
    fs::remove(path);
    return result;
}

std::string bbolt_bytes(bool freelist) {
    std::vector<std::string> keys;
    for (int i = 0; i < 5; ++i) keys.push_back("/registry/" + std::to_string(i));
    std::vector<mvcc::Record> records;
    for (std::int64_t i = 0; i < 30; ++i) {
        mvcc::Record r;
        r.revision = {i / 2 + 2, i % 2};
        r.key = keys[static_cast<std::size_t>(i % 5)];
        r.tombstone = i % 11 == 10;
        r.value = r.tombstone ? "" : "a value";
        r.create_revision = r.tombstone ? 0 : 2;
        r.version = r.tombstone ? 0 : i / 5 + 1;
        records.push_back(r);
    }
    test::BboltImage image = test::etcd_image(records, 1024);
    image.max_elements = 9;
    image.store_freelist = freelist;
    image.free_pages = 1;
    return image.build();
}

std::string wal_bytes() {
    const fs::path folder = fuzz::scratch_folder() / "wal";
    fs::remove_all(folder);
    test::WalWriter wal(folder.string());
    wal.snapshot(0, 0);
    wal.hard_state(1, 1, 1);
    for (std::uint64_t i = 1; i < 12; ++i)
        wal.entry(i, 1 + i / 7, std::string(i, static_cast<char>('a' + i)));
    wal.hard_state(2, 1, 11);
    const std::string path = wal.path();
    return test::read_file(path);
}

// What a log holds, and whether a reader would know that something is wrong with it.
struct LogContent {
    std::vector<std::string> entries;
    bool faultless = false;
};

LogContent read_wal(const std::string& bytes) {
    const fs::path folder = fuzz::scratch_folder() / "wal";
    fs::remove_all(folder);
    fs::create_directories(folder);
    test::write_file(folder / "0000000000000000-0000000000000000.wal", bytes);
    LogContent content;
    content.faultless = fuzz::survives([&] {
        const auto source = raftlog::open_wal_dir(folder.string());
        std::uint64_t next = 1;
        bool gap = false;
        source->each(raftlog::Want::data, [&](const raftlog::Item& item) {
            gap = gap || item.facts.index.value() != next;
            next = item.facts.index.value() + 1;
            content.entries.push_back(std::to_string(item.facts.index.value()) + "/" +
                                      std::to_string(item.facts.term.value()) + "/" + std::string(item.data));
            return true;
        });
        // No checksum covers a record's type, but then an index is missing, which the audit tells.
        if (!source->findings().empty() || gap) throw Error(ErrorKind::findings, "damage was told");
    });
    return content;
}

// Checksums cover the records' data: whatever bit is flipped, the log is what it was or the reader is told.
fuzz::Examined judge_wal(const LogContent& sound, const std::string& bytes) {
    fuzz::wal_directory(bytes + std::string(bytes.size() % 2 == 0 ? 1 : 0, '\0'), fuzz::Depth::deep);
    const LogContent now = read_wal(bytes);
    promise(!now.faultless || now.entries == sound.entries, "a damaged wal is believed");
    return {true, now.faultless, false};
}

// The files of a dqlite directory one behind the other.
struct DirectoryImage {
    std::string bytes;
    std::vector<std::pair<std::string, std::size_t>> files;  // name and length

    [[nodiscard]] std::string write(const std::string& content) const {
        const fs::path folder = fuzz::scratch_folder() / "directory";
        fs::remove_all(folder);
        fs::create_directories(folder);
        std::size_t at = 0;
        for (const auto& [name, length] : files) {
            test::write_file(folder / name, content.substr(at, length));
            at += length;
        }
        return folder.string();
    }
};

DirectoryImage dqlite_image() {
    const std::string folder = (fuzz::scratch_folder() / "made").string();
    fs::create_directories(folder);
    test::KineMaker kine;
    test::DqliteMaker maker;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 6; ++i)
            kine.put("/k" + std::to_string(i % 4), std::string(30, static_cast<char>('a' + round)));
        kine.write(folder + "/db", {.age = test::KineAge::v0_1, .wal = false, .page_size = 512});
        maker.commit(folder + "/db");
        fs::remove(folder + "/db");
        if (round == 1) maker.snapshot();
        if (round < 2) maker.close_segment();
    }
    maker.write(folder + "/directory");
    DirectoryImage image;
    for (const auto& [name, content] : maker.files()) {
        // Of the zeros behind the end of an open segment a few are as good as all.
        const std::size_t length = name == "open-1"
                                       ? std::min(content.size(), content.find_last_not_of('\0') + 200)
                                       : content.size();
        image.bytes += content.substr(0, length);
        image.files.emplace_back(name, length);
    }
    fs::remove_all(folder);
    return image;
}

// What the directory holds; nullopt where a reader would know that something is wrong with it.
std::optional<std::string> dqlite_content(const std::string& folder) {
    std::string all;
    const bool faultless = fuzz::survives([&] {
        dqlite::State state = dqlite::read_state(folder);
        if (!state.findings.empty()) throw Error(ErrorKind::findings, "damage was told");
        all = "applied " + std::to_string(state.applied.value()) + dqlite::encode(state.configuration);
        for (const dqlite::Image& d : state.databases) all += d.name() + test::read_file(d.path());
    });
    return faultless ? std::optional(all) : std::nullopt;
}

// Checksums cover all but the two files of metadata, the format words, and what is zero behind the end.
fuzz::Examined judge_dqlite(const DirectoryImage& image, const std::string& sound, const std::string& bytes,
                            unsigned turn) {
    const std::string folder = image.write(bytes);
    const auto now = dqlite_content(folder);
    promise(!now || *now == sound, "a damaged dqlite directory is believed");
    try_commands(folder, turn);
    return {now.has_value(), now.has_value(), false};
}

const std::string k_jsonl =
    R"({"format":"kvctl.raftlog/1","snapshot":{"index":4,"term":1},"hard_state":{"term":2,"vote":1,"commit":6}})"
    "\n"
    R"({"index":5,"term":1,"type":"EntryNormal","data":"GgcKAWESAmIx"})"
    "\n"
    R"({"index":6,"term":2,"type":"EntryConfChange","data":"CAE="})"
    "\n";

const std::string k_dump_text =
    "Snapshot:\nempty\nStart dumping log entries from snapshot.\nWAL metadata:\n"
    "nodeID=8e2f0c clusterID=77a1 term=3 commitIndex=6 vote=8e2f0c\nWAL entries: 3\nlastIndex=3\n"
    "term\t     index\ttype\tdata\n"
    "   1\t         1\tconf\tmethod=ConfChangeAddNode id=8e2f0c\n"
    "   2\t         2\tnorm\t\n"
    "   2\t         3\tnorm\theader:<ID:7 > put:<key:\"a\" value:\"b\" > \n"
    "\nEntry types (Normal,ConfigChange) count is : 3\n";

const std::string k_dump_raw =
    "CRC: 0\nMetadata: NodeID:7 ClusterID:9 \nSnapshot: index:0 term:0 \n"
    "Entry: Term:1 Index:1 Type:EntryConfChange Data:\"\\010\\001\\020\\007\" \nHardState: term:2 vote:7 "
    "commit:1 \n"
    "Entry: Term:2 Index:2 Data:\"\\032\\006\\n\\001a\\022\\001b\" \nEOF: All entries were processed.\n";

std::vector<Subject> subjects() {
    std::vector<Subject> all;
    for (const auto form : {fuzz::Form::native, fuzz::Form::kine}) {
        const bool kine = form == fuzz::Form::kine;
        const std::string name = kine ? "store.kine" : "store";
        for (unsigned which = 0; which < fuzz::k_templates; ++which) {
            all.push_back({(kine ? "kine " : "native ") + std::to_string(which),
                           fuzz::template_store(form, which),
                           which == 2 ? std::size_t{4096} : std::size_t{512},
                           [name](const std::string& b, unsigned turn) {
                               return judge_sqlite(name, {b, {}}, turn);
                           }});
        }
        // Of a store with a -wal beside it the bits of the -wal: three rows are written again there, and one
        // deleted.
        constexpr char k_wal = static_cast<char>(0x80);
        const fuzz::StoreFiles files = fuzz::edited_store(
            form, std::string{k_wal, 0, 3, 7, 5, 4, 'w', 'a', 'l', '1', 1, 5, 1, 90, 1, 0, 2, 2});
        all.push_back({kine ? "kine's -wal" : "native's -wal", files.wal, 536,
                       [name, database = files.database](const std::string& b, unsigned turn) {
                           return judge_sqlite(name, {database, b}, turn);
                       }});
    }
    for (const bool freelist : {false, true}) {
        const std::string sound_db = bbolt_bytes(freelist);
        all.push_back(
            {freelist ? "bbolt with a freelist" : "bbolt", sound_db, 1024,
             [sound_db](const std::string& b, unsigned turn) { return judge_bbolt(sound_db, b, turn); }});
    }
    const std::string wal = wal_bytes();
    const LogContent sound = read_wal(wal);
    promise(sound.faultless && sound.entries.size() == 11,
            "the sound log has " + std::to_string(sound.entries.size()) + " entries, or a fault");
    all.push_back({"wal", wal, 256, [sound](const std::string& b, unsigned) { return judge_wal(sound, b); }});
    const DirectoryImage directory = dqlite_image();
    const auto content = dqlite_content(directory.write(directory.bytes));
    promise(content.has_value(), "the sound dqlite directory has a fault");
    all.push_back({"dqlite directory", directory.bytes, 256,
                   [directory, sound = *content](const std::string& b, unsigned turn) {
                       return judge_dqlite(directory, sound, b, turn);
                   }});
    const auto add_log = [&](const char* name, const std::string& log,
                             void (*read)(std::string_view, fuzz::Depth)) {
        all.push_back({name, log, 64, [read](const std::string& b, unsigned) {
                           read(b, fuzz::Depth::deep);
                           return fuzz::Examined{};
                       }});
    };
    add_log("jsonl", k_jsonl, fuzz::jsonl_log);
    add_log("dump-logs", k_dump_text, fuzz::dump_text_log);
    add_log("dump-logs -raw", k_dump_raw, fuzz::dump_raw_log);
    return all;
}

// One place in twelve, and a bit of each.
std::vector<Flip> sample(const Subject& s) {
    std::vector<Flip> all;
    const std::vector<std::size_t> from = places(s);
    for (std::size_t n = 0; n < from.size(); n += 12)
        all.push_back({from[n], static_cast<unsigned>((from[n] * 5 + 3) % 8)});
    return all;
}

Counts sweep(const Subject& s, const std::vector<Flip>& flips) {
    Counts c;
    unsigned turn = 0;
    for (const Flip& flip : flips) {
        std::string flipped = s.bytes;
        flipped[flip.at] = static_cast<char>(flipped[flip.at] ^ (1 << flip.bit));
        ++c.flips;
        try {
            const fuzz::Examined e = s.judge(flipped, turn++ * 7);
            c.opened += e.opened ? 1 : 0;
            c.sound += e.sound ? 1 : 0;
            c.compacted += e.compacted ? 1 : 0;
        } catch (const std::exception& e) {
            if (++c.broken <= 20) {
                std::cout << s.name << ", byte " << flip.at << " bit " << flip.bit << " (turn " << turn - 1
                          << "): " << e.what() << std::endl;
            }
        }
    }
    return c;
}

}  // namespace

int main(int argc, char** argv) {
    // 0: the sample.
    std::size_t step = 0;
    std::string only;
    if (argc > 2 && std::strcmp(argv[argc - 2], "--only") == 0) {
        only = argv[argc - 1];
        argc -= 2;
    }
    if (argc == 2 && std::strcmp(argv[1], "--full") == 0) step = 1;
    if (argc == 3 && std::strcmp(argv[1], "--every") == 0) step = std::strtoul(argv[2], nullptr, 10);
    if (argc > 1 && step == 0) {
        std::cerr << "usage: kvctl_flips [--full | --every N] [--only TEXT]\n";
        return 2;
    }
    kvctl::sqlite::watch_memory();  // before a subject is made by SQLite alone
    Counts total;
    for (const Subject& s : subjects()) {
        if (s.name.find(only) == std::string::npos) continue;
        const Counts c = sweep(s, step == 0 ? sample(s) : every(s, step));
        std::cout << s.name << ": " << s.bytes.size() << " bytes, " << c.flips << " flips, " << c.opened
                  << " opened, " << c.sound << " sound to check, " << c.compacted << " compacted, "
                  << c.broken << " broken promises" << std::endl;
        total.flips += c.flips;
        total.opened += c.opened;
        total.sound += c.sound;
        total.compacted += c.compacted;
        total.broken += c.broken;
    }
    std::cout << "flips: " << total.flips << " bits flipped, " << total.opened << " opened, " << total.sound
              << " sound to check, " << total.compacted << " compacted, " << total.broken
              << " broken promises\n";
    return total.broken == 0 && (total.compacted > 0 || !only.empty()) ? 0 : 1;
}
