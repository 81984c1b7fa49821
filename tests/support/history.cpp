#include "tests/support/history.hpp"

#include <stdio.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>

#include "kvctl/base/bytes.hpp"
#include "tests/support/data.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::test {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const nlohmann::json& field) {
    const auto bytes = base64_decode(field.get<std::string>());
    if (!bytes) throw std::runtime_error("a recorded history holds bad base64");
    return *bytes;
}

}  // namespace

std::optional<std::string> read_text(const std::string& path) {
    if (!path.ends_with(".gz")) return read_file(path);
    const auto close = [](FILE* f) { ::pclose(f); };
    const std::unique_ptr<FILE, decltype(close)> pipe(::popen(("gzip -dc '" + path + "'").c_str(), "r"),
                                                      close);
    if (!pipe) return std::nullopt;
    std::string text;
    std::array<char, 65536> buffer{};
    for (std::size_t n = 0; (n = ::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
        text.append(buffer.data(), n);
    return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::vector<naive::Row>> read_history(const std::string& path) {
    const auto text = read_text(path);
    if (!text) return std::nullopt;
    std::istringstream in(*text);
    std::string line;
    std::getline(in, line);
    if (nlohmann::json::parse(line).at("format") != "kvhistory/1")
        throw std::runtime_error(path + ": not a history");
    std::vector<naive::Row> rows;
    while (std::getline(in, line)) {
        const nlohmann::json txn = nlohmann::json::parse(line);
        for (const nlohmann::json& op : txn.at("ops")) {
            naive::Row row;
            row.revision = {txn.at("rev").get<std::int64_t>(), op.at("sub").get<std::int64_t>()};
            row.tombstone = op.at("type") == "delete";
            row.key = bytes_of(op.at("key"));
            row.value = bytes_of(op.at("value"));
            row.create_revision = op.at("create_revision").get<std::int64_t>();
            row.version = op.at("version").get<std::int64_t>();
            row.lease = op.at("lease").get<std::int64_t>();
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

std::vector<Recorded> recorded_histories(const std::string& folder, bool shared_too) {
    std::vector<Recorded> all;
    std::set<std::string> known;
    const auto add = [&](const std::string& where, const std::string& other) {
        if (!fs::is_directory(where)) return;
        for (const auto& entry : fs::directory_iterator(where)) {
            const std::string file = entry.path().filename().string();
            const std::size_t end = file.find(".expected.json");
            if (end == std::string::npos) continue;
            const std::string name = file.substr(0, end);
            if (!known.insert(name).second) continue;
            // Two folders may record the same history; then one of them holds it.
            for (const std::string& base : {where, other}) {
                for (const char* suffix : {".history.jsonl", ".history.jsonl.gz"}) {
                    const std::string history = base + "/" + name + suffix;
                    if (!fs::exists(history)) continue;
                    all.push_back({name, entry.path().string(), history});
                    break;
                }
                if (!all.empty() && all.back().name == name) break;
            }
        }
    };
    add(testdata("vectors/" + folder), testdata("vectors/etcd-3.4"));
    if (const auto outside = shared("vectors"); outside && shared_too)
        add(*outside + "/" + folder, *outside + "/etcd-3.4");
    std::sort(all.begin(), all.end(), [](const Recorded& a, const Recorded& b) { return a.name < b.name; });
    return all;
}

}  // namespace kvctl::test
