#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using test::Result;
using test::run_cli;
using test::TempDir;

namespace {

// Names as an attacker would choose them.
const std::vector<std::string> k_names{
    "\x1b[2J\x1b]0;owned\x07",                              // clears the screen, names the window
    "line\nbreak\rback\ttab\x08\x08",                       // writes over what stands there
    "\"}],\"error\":{\"code\":0",                           // ends a JSON string
    "\xff\xfe\x80 not UTF-8 \xc3",                          //
    "\xc2\x9b\x33\x31m C1 escape",                          // U+009B begins a sequence, too
    "\xe2\x80\xae right to left",                           // U+202E turns the rest of the line round
    std::string("nul\0inside", 10),                         //
    "'; DROP TABLE revision; --",                           //
    "$(touch injected) `touch injected` ; | & > injected",  //
    "../../../../etc/passwd",                               //
    "%s%n%x\\x1b\\",                                        //
    "compact_rev_key\x01",                                  //
};

// As `escape` leaves it: nothing a terminal would act on. Lines and columns may be parted.
bool is_plain(const std::string& text) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        std::replace(line.begin(), line.end(), '\t', ' ');  // between columns
        std::string backslashes_doubled;
        for (const char c : line) backslashes_doubled += c == '\\' ? "\\\\" : std::string(1, c);
        if (escape(line) != backslashes_doubled) return false;
    }
    return true;
}

void check_text(const Result& r) {
    CAPTURE(escape(r.out));
    CAPTURE(escape(r.err));
    CHECK(r.code != 1);
    CHECK(is_plain(r.out));
    CHECK(is_plain(r.err));
}

void check_lines(const std::string& text) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        CAPTURE(escape(line));
        CHECK(nlohmann::json::accept(line));
        CHECK(std::none_of(line.begin(), line.end(),
                           [](char c) { return static_cast<unsigned char>(c) < ' '; }));
    }
}

void check_json(const Result& r, bool lines) {
    CAPTURE(escape(r.out));
    CAPTURE(escape(r.err));
    CHECK(r.code != 1);
    if (lines) {
        check_lines(r.out);
    } else if (!r.out.empty()) {
        CHECK(nlohmann::json::accept(r.out));
        CHECK(is_utf8(r.out));
    }
    if (!r.err.empty()) CHECK(nlohmann::json::accept(r.err));
}

void check_all_forms(const std::vector<std::string>& command, const std::vector<std::string>& operands,
                     bool lines_too = true) {
    CAPTURE(command.front());
    const auto with = [&](const std::vector<std::string>& options, test::Terminals terminals = {}) {
        std::vector<std::string> args = command;
        args.insert(args.end(), options.begin(), options.end());
        args.emplace_back("--");
        args.insert(args.end(), operands.begin(), operands.end());
        return run_cli(args, terminals);
    };
    // Into a pipe `get` writes bytes as they are, as etcdctl does.
    if (command.front() == "get") {
        check_text(with({}, {true, false}));
    } else {
        check_text(with({}));
        check_text(with({"-v"}));
    }
    check_json(with({"-w", "json"}), false);
    if (lines_too) check_json(with({"-w", "jsonl"}), true);
}

std::vector<std::string> files_below(const std::filesystem::path& folder) {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        all.push_back(entry.path().lexically_relative(folder).string());
    std::sort(all.begin(), all.end());
    return all;
}

std::string native_with_names(const std::string& path) {
    test::naive::Store s(test::naive::k_classic);
    for (const std::string& name : k_names) {
        for (const char* value : {"1", "\x1b[31mvalue"}) {
            s.put(name, value);
            s.end();
        }
    }
    s.remove(k_names.front());
    s.end();
    test::NativeShape shape;
    shape.raft = true;
    shape.key_index = true;
    // A put of "\x1b[2J" in the log (etcd's InternalRaftRequest), and a counter with such a name.
    shape.after =
        "INSERT INTO raft_entry VALUES (1, 1, 0, x'1a080a041b5b324a1200'), (2, 1, 9, x'00'), (3, 1, 0, "
        "x'1b5b324a');"
        "INSERT INTO meta VALUES ('raft_commit', 3), (char(27) || '[2J', 1)";
    test::make_native(path, s.row_list(), shape);
    return path;
}

std::string kine_with_names(const std::string& path) {
    test::KineMaker maker;
    for (const std::string& name : k_names) {
        maker.put(name, "1");
        maker.put(name, "\x1b[31mvalue");
    }
    maker.remove(k_names.front());
    test::KineShape shape;
    shape.wal = false;
    shape.after = "CREATE TABLE [\x1b[2J] (x); CREATE INDEX [\x1b[3J] ON kine (lease);";
    maker.write(path, shape);
    return path;
}

void inspect(const std::string& store, bool kine) {
    for (const char* command : {"status", "check", "index", "du"}) check_all_forms({command}, {store});
    check_all_forms({"get", "--prefix"}, {"", store});
    check_all_forms({"get", "--prefix", "--keys-only"}, {"", store});
    check_all_forms({"explain", "--at", "3"}, {store});
    check_all_forms({"du", "--depth", "3"}, {store});
    check_all_forms({"compact", "--dry-run", "--rev", "9", "--list"}, {store});
    check_all_forms({"compact", "--dry-run", "--rev", "999"}, {store});
    check_all_forms({"vacuum", "--dry-run"}, {store}, false);
    check_lines(run_cli({"export", store}).out);
    if (!kine) {
        check_all_forms({"hash", "--per-key"}, {store});
        check_all_forms({"raft"}, {store});
    }
    for (const std::string& name : k_names) {
        CAPTURE(escape(name));
        check_all_forms({"get"}, {name, store});
        check_all_forms({"history"}, {name, store});
        check_all_forms({"index"}, {name, store});
        check_all_forms({"explain"}, {name, store});
        check_all_forms({"history"}, {name + " missing", store});
        check_all_forms({"du", "--under", name}, {store});
    }
}

}  // namespace

TEST_CASE("injection: keys of a native store reach no terminal, no JSON and no file name") {
    TempDir dir;
    const std::string store = native_with_names(dir.file("store"));
    inspect(store, false);
    CHECK(dir.names() == std::vector<std::string>{"store"});
    const std::string list = dir.file("list");
    CHECK(run_cli({"compact", "--rev", "9", "--list=" + list, store}).code == 0);
    CHECK(is_plain(test::read_file(list)));
    CHECK(run_cli({"compact", "--rev", "11", "-w", "jsonl", "--list=" + list + ".jsonl", store}).code == 0);
    check_lines(test::read_file(list + ".jsonl"));
    CHECK(test::query_one(store, "SELECT count(*) FROM revision") > "0");
    CHECK(dir.names() == std::vector<std::string>{"list", "list.jsonl", "store"});
}

TEST_CASE("injection: names of a kine store reach no terminal, no JSON and no file name") {
    TempDir dir;
    const std::string store = kine_with_names(dir.file("store"));
    inspect(store, true);
    check_text(run_cli({"import", "-o", dir.file("new"), store}));
    check_text(run_cli({"compact", "--rev", "9", store}));
    inspect(dir.file("new"), false);
    CHECK(dir.names() == std::vector<std::string>{"new", "store"});
}

TEST_CASE("injection: keys of an etcd db reach no terminal and no JSON") {
    TempDir dir;
    std::vector<mvcc::Record> records;
    std::int64_t main = 1;
    for (const std::string& name : k_names) {
        mvcc::Record r;
        r.revision = {++main, 0};
        r.key = name;
        r.value = "v";
        r.create_revision = main;
        r.version = 1;
        records.push_back(r);
    }
    test::BboltImage image = test::etcd_image(records);
    image.buckets["\x1b[2J"]["\x1b[3J"] = "\x1b[4J";
    image.buckets["key"]["\x1b[5J"] = "no row";
    const std::string store = dir.file("db");
    test::write_file(store, image.build());
    for (const char* command : {"status", "check", "index", "du"}) check_all_forms({command}, {store});
    check_all_forms({"get", "--prefix"}, {"", store});
    check_all_forms({"compact", "--dry-run", "--rev", "9", "--list"}, {store});
    check_text(run_cli({"import", "-o", dir.file("new"), store}));
}

TEST_CASE("injection: file names and arguments reach no terminal and no JSON") {
    for (const std::string& name : k_names) {
        if (name.find('\0') != std::string::npos || name.find('/') != std::string::npos) continue;
        CAPTURE(escape(name));
        TempDir dir;
        const std::string path = dir.file(name);
        check_all_forms({"status"}, {path});  // there is none
        test::write_file(path, "not a store");
        for (const char* command : {"status", "check", "index", "export", "raft", "hash"})
            check_all_forms({command}, {path});
        test::write_file(path, "{\"format\":\"kvctl.raftlog/1\"}\n{\"\x1b[2J\xff\":1}\n");
        check_all_forms({"raft"}, {path});
        std::filesystem::remove(path);
        native_with_names(path);
        for (const char* command : {"status", "check", "index", "raft"}) check_all_forms({command}, {path});
        check_all_forms({"compact", "--rev", "5", "-o", path}, {path});  // is there already
        check_text(run_cli({"compact", "--rev", "9", "--backup", path + ".bak", path}));
        check_text(run_cli({"vacuum", path}));
        check_text(run_cli({"import", path, "-o", path + ".new"}));
        check_text(run_cli({"compact", "--rev", name, path}));
        check_text(run_cli({"compact", "--" + name, path}));
        check_text(run_cli({name, path}));
        check_text(run_cli({"help", name}));
        check_json(run_cli({"compact", "--rev", name, "-w", "json", path}), false);
        std::vector<std::string> expected{name, name + ".bak", name + ".new"};
        std::sort(expected.begin(), expected.end());
        CHECK(files_below(dir.path()) == expected);
    }
}

TEST_CASE("injection: names in a hostile schema reach no terminal and no JSON") {
    for (const std::string sql :
         {"CREATE TRIGGER [\x1b[2J] AFTER DELETE ON revision BEGIN SELECT 1; END",
          "ALTER TABLE revision ADD COLUMN [\x1b[2J\r] TEXT", "CREATE INDEX [\x1b[2J] ON revision (lease)",
          "CREATE TABLE [\x1b[2J] (x)",
          "CREATE TABLE m2 (name, value); INSERT INTO m2 VALUES (char(27) || '[2J', 'x'); DROP TABLE meta;"
          "ALTER TABLE m2 RENAME TO meta"}) {
        TempDir dir;
        const std::string path = native_with_names(dir.file("store"));
        test::run_sql(path, sql);
        CAPTURE(escape(sql));
        for (const char* command : {"status", "check", "index", "du"}) check_all_forms({command}, {path});
        check_all_forms({"compact", "--rev", "9"}, {path});
    }
}
