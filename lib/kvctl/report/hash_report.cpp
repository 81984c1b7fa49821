#include "kvctl/report/hash_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"

namespace kvctl::report {
namespace {

Json summary(const HashReport& r) {
    Json j{{"schema", "kvctl.hash/1"},
           {"hash", hex32(r.result.hash)},
           {"hash_decimal", r.result.hash},
           {"revision", r.result.revision.value()},
           {"compact_revision", r.result.compacted.value()},
           {"algorithm", "etcd-hashkv"},
           {"rows", r.result.rows}};
    if (r.expected) {
        j["expected"] = hex32(*r.expected);
        j["expected_decimal"] = *r.expected;
        j["match"] = *r.expected == r.result.hash;
    }
    put_notes(j, r.notes);
    return j;
}

Json key_line(const HashReport& r, const mvcc::KvHash::KeyHash& k) {
    Json j;
    put_key(j, r.index->key(k.key));
    j["hash"] = hex32(k.hash);
    j["hash_decimal"] = k.hash;
    j["revisions"] = k.revisions;
    return j;
}

}  // namespace

void write_text(std::ostream& out, const HashReport& r) {
    for (const auto& k : r.result.keys) {
        out << hex32(k.hash) << "  " << k.revisions << "  " << escape(r.index->key(k.key)) << '\n';
    }
    if (!r.result.keys.empty()) out << '\n';
    out << escape(r.path) << ": hash " << r.result.hash << " (0x" << hex32(r.result.hash) << ") at revision "
        << r.result.revision << ", compact revision " << r.result.compacted << '\n';
    if (r.expected && *r.expected != r.result.hash) {
        out << "expected " << *r.expected << " (0x" << hex32(*r.expected) << "): different\n";
    } else if (r.expected) {
        out << "as expected\n";
    }
}

void write_json(std::ostream& out, const HashReport& r) {
    Json j = summary(r);
    if (!r.result.keys.empty()) {
        j["keys"] = Json::array();
        for (const auto& k : r.result.keys) j["keys"].push_back(key_line(r, k));
    }
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const HashReport& r) {
    for (const auto& k : r.result.keys) {
        Json line{{"type", "key"}};
        line.update(key_line(r, k));
        out << line.dump() << '\n';
    }
    Json line = summary(r);
    if (!r.result.keys.empty()) {
        Json typed{{"type", "summary"}};
        typed.update(line);
        line = std::move(typed);
    }
    out << line.dump() << '\n';
}

}  // namespace kvctl::report
