#include "kvctl/jobs/provisional.hpp"

#include <unistd.h>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::jobs {

Provisional::~Provisional() {
    for (const std::string& path : paths_) ::unlink(path.c_str());
}

std::string Provisional::note() const {
    std::string text;
    for (const std::string& path : paths_) text += fmt::format("; {} was kept", path);
    return text;
}

void Provisional::carry_out(store::WritableStore& writable, const std::function<void(Provisional&)>& work) {
    Provisional made;
    try {
        work(made);
    } catch (const Error& e) {
        if (!writable.may_have_changed()) throw;
        const std::string note = made.note();
        made.keep();
        throw Error(e.kind(), e.what() + note);
    } catch (...) {
        if (writable.may_have_changed()) made.keep();
        throw;
    }
    made.keep();
}

}  // namespace kvctl::jobs
