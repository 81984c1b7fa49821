#include "kvctl/report/object_text.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/kube/decode.hpp"

namespace kvctl::report {
namespace {

// Whether YAML would read a text as the text it is, without quotes.
bool is_plain(const std::string& text) {
    constexpr std::string_view k_first = "-?:,[]{}#&*!|>'\"%@` .~=0123456789+";
    if (text.empty() || k_first.find(text.front()) != std::string_view::npos || text.back() == ' ' ||
        text.back() == ':')
        return false;
    for (const char* word : {"true", "false", "null", "yes", "no", "on", "off", "True", "False", "Null",
                             "Yes", "No", "On", "Off", "y", "n", "Y", "N"}) {
        if (text == word) return false;
    }
    return text.find(": ") == std::string::npos && text.find(" #") == std::string::npos &&
           escape(text) == text;
}

// A text of several lines, none of which a terminal would act on, and none that ends oddly.
bool is_block(const std::string& text) {
    if (text.find('\n') == std::string::npos || text.front() == ' ' || text.front() == '\n') return false;
    std::string flat = text;
    std::erase(flat, '\n');
    return printable(flat) == flat;
}

void scalar(std::ostream& out, const Json& j, std::size_t indent) {
    if (!j.is_string()) {
        out << ' ' << j.dump() << '\n';
        return;
    }
    const auto& text = j.get_ref<const std::string&>();
    if (!is_block(text)) {
        // Control characters of the second kind pass through JSON as they are.
        out << ' ' << (is_plain(text) ? text : printable(j.dump())) << '\n';
        return;
    }
    std::string_view rest = text;
    const bool ends = rest.ends_with('\n');
    if (ends) rest.remove_suffix(1);
    out << (ends ? (rest.ends_with('\n') ? " |+\n" : " |\n") : " |-\n");
    for (;;) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        if (!line.empty()) out << std::string(indent, ' ') << line;
        out << '\n';
        if (end == std::string_view::npos) return;
        rest.remove_prefix(end + 1);
    }
}

void members(std::ostream& out, const Json& object, std::size_t indent, bool first_indented);

// A value behind "name:" or "-".
void value(std::ostream& out, const Json& j, std::size_t indent) {
    if (j.is_object() && !j.empty()) {
        out << '\n';
        members(out, j, indent + 2, true);
    } else if (j.is_array() && !j.empty()) {
        out << '\n';
        for (const Json& item : j) {
            out << std::string(indent, ' ') << '-';
            if (item.is_object() && !item.empty()) {
                out << ' ';
                members(out, item, indent + 2, false);
            } else if (item.is_array()) {
                value(out, item, indent + 2);
            } else {
                scalar(out, item, indent + 2);
            }
        }
    } else if (j.is_object() || j.is_array()) {
        out << (j.is_object() ? " {}\n" : " []\n");
    } else {
        scalar(out, j, indent + 2);
    }
}

void members(std::ostream& out, const Json& object, std::size_t indent, bool first_indented) {
    for (const auto& [name, content] : object.items()) {
        if (first_indented) out << std::string(indent, ' ');
        first_indented = true;
        out << (is_plain(name) ? name : printable(Json(name).dump())) << ':';
        value(out, content, indent);
    }
}

struct Shown {
    Json object;  // null: there is none
    std::string fault;
};

// Nesting is bounded already (kube::JsonReader); a number beyond a double's range is all that can fail.
Shown shown(const kube::Decoded& d) {
    if (!d.has_object()) return {nullptr, d.fault};
    Json object = Json::parse(d.json, nullptr, false);
    if (object.is_discarded()) return {nullptr, "a number in it is out of range"};
    return {std::move(object), {}};
}

}  // namespace

void put_object(Json& j, const mvcc::Record& record, bool reveal_secrets) {
    const kube::Decoded d = kube::decode(record.key, record.value, {reveal_secrets, nullptr});
    if (d.secret && !reveal_secrets) j.erase("value");
    Shown s = shown(d);
    if (!s.object.is_null()) j["object"] = std::move(s.object);
    if (d.encoding.kind == kube::Encoding::Kind::encrypted) {
        j["encryption"] = {{"provider", utf8_text(std::string(d.encoding.provider))},
                           {"version", utf8_text(std::string(d.encoding.version))},
                           {"key_name", utf8_text(std::string(d.encoding.key_name))}};
    }
    if (!s.fault.empty()) j["undecodable"] = s.fault;
}

void write_object_text(std::ostream& out, const mvcc::Record& record, bool reveal_secrets,
                       std::size_t indent) {
    const kube::Decoded d = kube::decode(record.key, record.value, {reveal_secrets, nullptr});
    const Shown s = shown(d);
    if (!s.object.is_null()) {
        members(out, s.object, indent, true);
        return;
    }
    out << std::string(indent, ' ') << '(' << record.value.size() << " bytes";
    if (d.encoding.kind == kube::Encoding::Kind::encrypted) {
        out << ", encrypted by " << escape(kube::name_of_encryption(d.encoding));
    } else if (!s.fault.empty()) {
        out << " that cannot be decoded: " << s.fault;
    } else if (!record.value.empty()) {
        out << ", no Kubernetes object";
    }
    out << ")\n";
}

}  // namespace kvctl::report
