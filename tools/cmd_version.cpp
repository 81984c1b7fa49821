#include <boost/version.hpp>
#include <nlohmann/json.hpp>

#include "kvctl/base/format.hpp"
#include "kvctl/store/open.hpp"
#include "tools/commands.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {
namespace {

std::string boost_version() {
    return fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100);
}

// What this program is made of, by name; the compiler only for people who look closely.
std::vector<std::pair<std::string, std::string>> parts(bool verbose) {
    std::vector<std::pair<std::string, std::string>> all{
        {"kvctl", KVCTL_VERSION}, {"sqlite", store::sqlite_version()}, {"boost", boost_version()}};
    if (verbose) all.emplace_back("compiler", __VERSION__);
    return all;
}

}  // namespace

OptionTable version_options() {
    return basic_options();
}

int version(const Args& args, Io& io) {
    const Parsed parsed = parse(version_options(), args);
    parsed.expect_operands(0, 0, "");
    const Output output = output_of(parsed, io);
    if (output.quiet) return 0;
    if (output.format == Format::text) {
        for (const auto& [name, value] : parts(output.verbose)) io.out << name << ' ' << value << '\n';
        return 0;
    }
    nlohmann::ordered_json document{{"schema", "kvctl.version/1"}};
    for (const auto& [name, value] : parts(output.verbose)) document[name] = value;
    io.out << document.dump(output.format == Format::json ? 2 : -1) << '\n';
    return 0;
}

}  // namespace kvctl::cli
