#include <filesystem>

#include "tests/fuzz/examine.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/sqlite_edit.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {
namespace {

// The first two bytes choose what is done with the store, the rest says what it is.
void run(Form form, std::string_view bytes, Depth depth) {
    Input in(bytes);
    const auto choice = static_cast<unsigned>(in.number(2));
    const std::string path = (scratch_folder() / (form == Form::kine ? "store.kine" : "store")).string();
    edited_store(form, in.bytes(bytes.size())).write(path);
    if (depth != Depth::deep) return glance(path, choice, depth);
    // A compaction costs several times as much as reading, and one in place looks at every process of the
    // system for one that has the file open: seldom.
    const Work work = choice % 32 == 15 ? Work::compact_itself
                      : choice % 4 == 2 ? Work::compact_copy
                                        : Work::read;
    (void)examine(path, choice, work);
}

}  // namespace

void native_store(std::string_view bytes, Depth depth) {
    run(Form::native, bytes, depth);
}

void kine_store(std::string_view bytes, Depth depth) {
    run(Form::kine, bytes, depth);
}

}  // namespace kvctl::fuzz
