#include <filesystem>
#include <numeric>

#include "tests/fuzz/examine.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/sqlite_edit.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::fuzz {
namespace {

// The first two bytes choose what is done with the store, the rest says what it is.
void run(Form form, std::string_view bytes) {
    Input in(bytes);
    const auto choice = static_cast<unsigned>(in.number(2));
    const std::string path = (scratch_folder() / (form == Form::kine ? "store.kine" : "store")).string();
    test::write_file(path, edited_store(form, in.bytes(bytes.size())));
    // A compaction costs several times as much as reading, and one in place looks at every process of the
    // system for one that has the file open: seldom.
    const Work work = choice % 32 == 15 ? Work::compact_itself
                      : choice % 4 == 2 ? Work::compact_copy
                                        : Work::read;
    (void)examine(path, choice, work);
    std::filesystem::remove(path);
}

}  // namespace

void native_store(std::string_view bytes) {
    run(Form::native, bytes);
}

void kine_store(std::string_view bytes) {
    run(Form::kine, bytes);
}

}  // namespace kvctl::fuzz
