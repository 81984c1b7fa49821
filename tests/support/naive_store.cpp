#include "tests/support/naive_store.hpp"

#include <sstream>
#include <stdexcept>

#include "kvctl/base/crc32c.hpp"

namespace kvctl::test::naive {
namespace {

void put_varint(std::string& out, std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) out += static_cast<char>((v & 0x7F) | 0x80);
    out += static_cast<char>(v);
}

void put_bytes(std::string& out, char tag, const std::string& bytes) {
    if (bytes.empty()) return;
    out += tag;
    put_varint(out, bytes.size());
    out += bytes;
}

void put_number(std::string& out, char tag, std::int64_t v) {
    if (v == 0) return;
    out += tag;
    put_varint(out, static_cast<std::uint64_t>(v));
}

std::string be64(std::int64_t value) {
    std::string out;
    for (int shift = 56; shift >= 0; shift -= 8)
        out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xFF);
    return out;
}

std::string stored_entry(const Row& row) {
    std::string out = be64(row.revision.main) + "_" + be64(row.revision.sub) + (row.tombstone ? "t" : "");
    put_bytes(out, 0x0a, row.key);
    if (row.tombstone || (row.key.empty() && row.version == 0)) return out;
    put_number(out, 0x10, row.create_revision);
    put_number(out, 0x18, row.revision.main);
    put_number(out, 0x20, row.version);
    put_bytes(out, 0x2a, row.value);
    put_number(out, 0x30, row.lease);
    return out;
}

}  // namespace

bool KeyIndex::empty() const {
    return generations.size() == 1 && generations.front().revs.empty();
}

void KeyIndex::put(Revision r) {
    if (r <= modified) throw std::logic_error("a put that does not follow");
    if (generations.empty()) generations.emplace_back();
    Generation& g = generations.back();
    if (g.revs.empty()) g.created = r;
    g.revs.push_back(r);
    ++g.ver;
    modified = r;
}

bool KeyIndex::tombstone(Revision r) {
    if (generations.back().revs.empty()) return false;
    put(r);
    generations.emplace_back();
    return true;
}

void KeyIndex::restore(Revision created, Revision mod, std::int64_t ver) {
    modified = mod;
    generations = {Generation{ver, created, {mod}}};
}

void KeyIndex::restore_tombstone(Revision r) {
    restore({}, r, 1);
    generations.emplace_back();
}

std::optional<std::size_t> KeyIndex::find_generation(std::int64_t at) const {
    for (std::size_t c = generations.size(); c-- > 0;) {
        const Generation& g = generations[c];
        if (g.revs.empty()) continue;
        if (c + 1 != generations.size() && g.revs.back().main <= at) return std::nullopt;
        if (g.revs.front().main <= at) return c;
    }
    return std::nullopt;
}

std::optional<KeyIndex::Found> KeyIndex::get(std::int64_t at) const {
    const auto gi = find_generation(at);
    if (!gi) return std::nullopt;
    const Generation& g = generations[*gi];
    for (std::size_t n = g.revs.size(); n-- > 0;) {
        if (g.revs[n].main <= at) {
            return Found{g.revs[n], g.created, g.ver - static_cast<std::int64_t>(g.revs.size() - n - 1)};
        }
    }
    return std::nullopt;
}

std::vector<Revision> KeyIndex::since(std::int64_t from) const {
    const Revision start{from, 0};
    std::size_t first = generations.size() - 1;
    while (first > 0) {
        const Generation& g = generations[first];
        if (!g.revs.empty() && g.created < start) break;
        --first;
    }
    std::vector<Revision> out;
    for (std::size_t i = first; i < generations.size(); ++i) {
        for (const Revision r : generations[i].revs) {
            if (r < start) continue;
            if (!out.empty() && out.back().main == r.main) out.pop_back();
            out.push_back(r);
        }
    }
    return out;
}

KeyIndex::Choice KeyIndex::choose(std::int64_t at, bool keep_rule, std::set<Revision>& available) const {
    Choice c;
    while (c.generation + 1 < generations.size()) {
        const std::int64_t tombstone = generations[c.generation].revs.back().main;
        if (keep_rule ? tombstone >= at : tombstone > at) break;
        ++c.generation;
    }
    const Generation& g = generations[c.generation];
    for (std::size_t n = g.revs.size(); n-- > 0 && !c.position;) {
        if (g.revs[n].main <= at) c.position = n;
    }
    if (c.position) available.insert(g.revs[*c.position]);
    return c;
}

void KeyIndex::compact(std::int64_t at, bool keep_rule, std::set<Revision>& available) {
    Choice c = choose(at, keep_rule, available);
    Generation& g = generations[c.generation];
    if (!g.revs.empty()) {
        if (c.position)
            g.revs.erase(g.revs.begin(), g.revs.begin() + static_cast<std::ptrdiff_t>(*c.position));
        if (!keep_rule && g.revs.size() == 1 && c.generation + 1 != generations.size()) {
            available.erase(g.revs.front());
            ++c.generation;
        }
    }
    generations.erase(generations.begin(), generations.begin() + static_cast<std::ptrdiff_t>(c.generation));
}

void KeyIndex::keep(std::int64_t at, bool keep_rule, std::set<Revision>& available) const {
    if (empty()) return;
    const Choice c = choose(at, keep_rule, available);
    const Generation& g = generations[c.generation];
    if (!g.revs.empty() && c.position && *c.position + 1 == g.revs.size() &&
        c.generation + 1 != generations.size()) {
        available.erase(g.revs.back());
    }
}

void Store::put(const std::string& key, const std::string& value, std::int64_t lease) {
    const Revision r{current_ + 1, sub_++};
    KeyIndex& k = index_[key];
    k.key = key;
    k.put(r);
    const Generation& g = k.generations.back();
    rows_[r] = {r, false, key, g.created.main, g.ver, lease, value};
}

bool Store::remove(const std::string& key) {
    const auto k = index_.find(key);
    const Revision r{current_ + 1, sub_};
    if (k == index_.end() || !k->second.tombstone(r)) return false;
    ++sub_;
    rows_[r] = {r, true, key, 0, 0, 0, ""};
    return true;
}

void Store::end() {
    if (sub_ > 0) ++current_;
    sub_ = 0;
}

Store Store::reopened(const Rules& rules, const std::vector<Row>& rows, std::int64_t compacted) {
    Store s(rules);
    s.compacted_ = compacted;
    for (const Row& row : rows) s.rows_[row.revision] = row;
    for (const auto& [r, row] : s.rows_) {
        if (r.main < 1) continue;
        s.current_ = r.main;
        const auto k = s.index_.find(row.key);
        if (k != s.index_.end()) {
            if (row.tombstone) {
                k->second.tombstone(r);
            } else {
                k->second.put(r);
            }
            continue;
        }
        if (row.tombstone && !rules.restore_orphan_tombstone) continue;
        KeyIndex& fresh = s.index_[row.key];
        fresh.key = row.key;
        if (row.tombstone) {
            fresh.restore_tombstone(r);
        } else {
            fresh.restore({row.create_revision, 0}, r, row.version);
        }
    }
    s.current_ = std::max(s.current_, compacted);
    return s;
}

Store::Answer Store::compact(std::int64_t at, std::vector<Revision>* removed) {
    if (at <= compacted_) return Answer::compacted;
    if (at > current_) return Answer::future;
    compacted_ = at;
    std::set<Revision> available;
    for (auto k = index_.begin(); k != index_.end();) {
        k->second.compact(at, rules_.keep_at_rev, available);
        k = k->second.empty() ? index_.erase(k) : std::next(k);
    }
    for (auto row = rows_.begin(); row != rows_.end();) {
        if (row->first.main > at || available.count(row->first) > 0) {
            ++row;
            continue;
        }
        if (removed != nullptr) removed->push_back(row->first);
        row = rows_.erase(row);
    }
    return Answer::done;
}

std::set<Revision> Store::keep(std::int64_t at) const {
    std::set<Revision> available;
    for (const auto& [key, k] : index_) k.keep(at, rules_.keep_at_rev, available);
    return available;
}

std::map<std::string, std::string> Store::read(std::int64_t at) const {
    std::map<std::string, std::string> seen;
    for (const auto& [key, k] : index_) {
        if (const auto found = k.get(at)) seen[key] = rows_.at(found->modified).value;
    }
    return seen;
}

std::optional<std::uint32_t> Store::hash(std::int64_t at) const {
    if (at > 0 && (rules_.hash_at_compact_rev ? at < compacted_ : at <= compacted_)) return std::nullopt;
    if (at > current_) return std::nullopt;
    if (at == 0) at = current_;
    const std::set<Revision> kept = keep(at);
    std::uint32_t h = crc32c_portable(0, "key");
    for (const auto& [r, row] : rows_) {
        if (r.main > at) continue;
        if (r.main <= compacted_ && !kept.empty() && kept.count(r) == 0) continue;
        if (rules_.hash_skip_tombstone && r.main == compacted_ && row.tombstone) continue;
        h = crc32c_portable(h, stored_entry(row));
    }
    return h;
}

std::vector<Row> Store::row_list() const {
    std::vector<Row> list;
    for (const auto& [r, row] : rows_) list.push_back(row);
    return list;
}

std::vector<Revision> Store::lost(std::int64_t at) const {
    std::vector<Revision> gone;
    for (const auto& [key, k] : index_) {
        for (const Generation& g : k.generations) {
            for (const Revision r : g.revs) {
                if (r.main <= at && rows_.count(r) == 0) gone.push_back(r);
            }
        }
    }
    return gone;
}

std::string index_line(const KeyIndex& key) {
    std::ostringstream out;
    constexpr const char* k_hex = "0123456789abcdef";
    for (const char c : key.key) {
        out << k_hex[static_cast<unsigned char>(c) >> 4] << k_hex[static_cast<unsigned char>(c) & 15];
    }
    out << ' ' << key.modified << ' ';
    const char* separator = "";
    for (const Generation& g : key.generations) {
        out << separator << g.created << '/' << g.ver << '/';
        separator = ";";
        const char* comma = "";
        for (const Revision r : g.revs) {
            out << comma << r;
            comma = ",";
        }
    }
    return out.str();
}

std::string index_text(const std::map<std::string, KeyIndex>& index) {
    std::string text;
    for (const auto& [key, k] : index) text += index_line(k) + "\n";
    return text;
}

}  // namespace kvctl::test::naive
