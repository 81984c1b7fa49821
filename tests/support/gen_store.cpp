// Writes stores for tests, samples and benchmarks: the same bytes for the same options.
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "gen_kine.hpp"
#include "gen_native.hpp"

int main(int argc, char** argv) {
    using namespace kvctl::gen;
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.empty() || arguments.front() == "--help") {
        (arguments.empty() ? std::cerr : std::cout) << usage();
        return arguments.empty() ? 2 : 0;
    }
    try {
        const Options options = parse_options(arguments);
        Summary summary(options.shares, options.rows);
        if (options.layout == "kine") {
            write_kine(options, summary);
        } else {
            write_native(options, summary);
        }
        summary.print(std::cout, options);
        return std::cout.flush() ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        std::cerr << "kvctl_gen_store: " << error.what() << '\n' << usage();
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "kvctl_gen_store: " << error.what() << '\n';
        return 1;
    }
}
