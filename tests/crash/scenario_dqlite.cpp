#include "tests/crash/scenario.hpp"
#include "tests/support/dqlite_maker.hpp"
#include "tests/support/temp_dir.hpp"

// A dqlite directory is only read, and a new one made of it: files in a folder that has its name last.
namespace kvctl::crash {

void add_dqlite_scenarios(const Files& rollback, std::vector<Scenario>& all) {
    const test::TempDir dir;
    const std::string database = dir.file("database");
    test::write_file(database, rollback.at(k_store));
    test::DqliteMaker maker;
    maker.commit(database);
    maker.snapshot();
    maker.barrier();
    maker.close_segment();
    run_sql(database, "UPDATE kine SET value = zeroblob(300) WHERE id = 91");
    maker.commit(database);
    maker.files()["info.yaml"] = "Address: 127.0.0.1:9001\nID: 1\nRole: 0\n";
    maker.write(dir.file("directory"));
    Files start;
    for (const auto& [name, content] : read_folder(dir.file("directory")))
        start[std::string(k_store) + "/" + name] = content;
    for (const auto& args : std::vector<std::vector<std::string>>{
             {"compact", "--rev", "60", "-o", "OUT", "STORE"},
             {"compact", "--rev", "60", "--voter", "1", "-o", "OUT", "STORE"},
             {"import", "--to", "kine", "-o", "OUT", "STORE"}}) {
        all.push_back(
            {"dqlite: " + args.front() + (args.size() > 6 ? " to one voter" : ""), start, args, false, true});
    }
}

}  // namespace kvctl::crash
