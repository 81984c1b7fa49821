#include <boost/version.hpp>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {
namespace {

std::string boost_version() {
    return std::to_string(BOOST_VERSION / 100000) + '.' + std::to_string(BOOST_VERSION / 100 % 1000) + '.' +
           std::to_string(BOOST_VERSION % 100);
}

}  // namespace

OptionTable version_options() {
    return output_options();
}

int version(const Args& args, Io& io) {
    const Parsed parsed = parse(version_options(), args);
    parsed.expect_operands(0, 0, "");
    const Output output = output_of(parsed, io);
    if (output.quiet) return 0;
    if (output.format == Format::text) {
        io.out << "kvctl " KVCTL_VERSION "\nBoost " << boost_version() << '\n';
        return 0;
    }
    nlohmann::ordered_json document{
        {"schema", "kvctl.version/1"}, {"kvctl", KVCTL_VERSION}, {"boost", boost_version()}};
    io.out << document.dump(output.format == Format::json ? 2 : -1) << '\n';
    return 0;
}

}  // namespace kvctl::cli
