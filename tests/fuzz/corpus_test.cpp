#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/sqlite_edit.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/data.hpp"
#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;
using namespace kvctl;

// What the fuzzers have found worth keeping, defects that were mended among them.
TEST_CASE("fuzz: every input of the corpora is answered as promised") {
    for (const fuzz::Target& target : fuzz::targets()) {
        CAPTURE(target.name);
        const fs::path folder = test::testdata("fuzz/" + std::string(target.name));
        REQUIRE(fs::is_directory(folder));
        std::size_t inputs = 0;
        for (const auto& entry : fs::directory_iterator(folder)) {
            CAPTURE(entry.path().filename().string());
            const std::string bytes = test::read_file(entry.path());
            CHECK(bytes.size() <= target.longest);
            for (const fuzz::Depth depth : {fuzz::Depth::shallow, fuzz::Depth::checked, fuzz::Depth::deep})
                CHECK_NOTHROW(target.run(bytes, depth));
            ++inputs;
        }
        CHECK(inputs > 2);
        CHECK_NOTHROW(target.run("", fuzz::Depth::deep));
    }
}

// The edits of one input are made to a database that another one has had before.
TEST_CASE("fuzz: an input makes the same store, whatever came before it") {
    for (const auto& [form, name] : {std::pair(fuzz::Form::native, "fuzz/native_store"),
                                     std::pair(fuzz::Form::kine, "fuzz/kine_store")}) {
        std::vector<std::pair<std::string, fuzz::StoreFiles>> made;
        for (const auto& entry : fs::directory_iterator(test::testdata(name))) {
            std::string bytes = test::read_file(entry.path());
            if (bytes.size() < 2) continue;
            bytes.erase(0, 2);  // what the target takes for itself
            fuzz::StoreFiles files = fuzz::edited_store(form, bytes);
            made.emplace_back(std::move(bytes), std::move(files));
        }
        std::size_t edited = 0;
        for (auto i = made.rbegin(); i != made.rend(); ++i) {
            const fuzz::StoreFiles again = fuzz::edited_store(form, i->first);
            CHECK(again.database == i->second.database);
            CHECK(again.wal == i->second.wal);
            const auto which = static_cast<unsigned char>(i->first.empty() ? 0 : i->first[0]);
            edited += again.database != fuzz::template_store(form, which) ? 1 : 0;
        }
        CHECK(edited > made.size() / 2);
    }
}

TEST_CASE("fuzz: each statement of the hostile SQL is answered as promised, on every template") {
    for (const auto form : {fuzz::Form::native, fuzz::Form::kine}) {
        for (unsigned which = 0; which < fuzz::k_templates; ++which) {
            for (std::size_t i = 0; i < fuzz::hostile_sql(form).size(); ++i) {
                CAPTURE(which);
                CAPTURE(fuzz::hostile_sql(form)[i]);
                // Compacted into another file; of the first template itself, too, in each way.
                for (const char choice : {'\x2e', '\x0f', '\x2f', '\x4f', '\x6f'}) {
                    if (which > 0 && choice != '\x2e') break;
                    const std::string input{choice, '\0', static_cast<char>(which),
                                            4,      0,    static_cast<char>(i)};
                    CHECK_NOTHROW((form == fuzz::Form::native ? fuzz::native_store : fuzz::kine_store)(
                        input, fuzz::Depth::deep));
                }
            }
        }
    }
}
