#include "kvctl/kube/schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kvctl/base/error.hpp"

namespace kvctl::kube {
namespace {

constexpr std::array<std::pair<std::string_view, Form>, 9> k_forms{{
    {"list", Form::list},
    {"time", Form::time},
    {"microtime", Form::micro_time},
    {"duration", Form::duration},
    {"quantity", Form::quantity},
    {"int-or-string", Form::int_or_string},
    {"json", Form::json},
    {"either-list", Form::either_list},
    {"either-bool", Form::either_bool},
}};

constexpr std::array<std::pair<std::string_view, Field::Kind>, 6> k_scalars{{
    {"string", Field::Kind::string},
    {"int", Field::Kind::integer},
    {"uint", Field::Kind::natural},
    {"bool", Field::Kind::boolean},
    {"bytes", Field::Kind::bytes},
    {"double", Field::Kind::real},
}};

template <class Words>
auto find_word(const Words& words, std::string_view word) noexcept {
    return std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.first == word; });
}

std::string_view take_until(std::string_view& text, char end) noexcept {
    const std::size_t at = std::min(text.find(end), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
}

bool take(std::string_view& text, std::string_view prefix) noexcept {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool take_last(std::string_view& text, char c) noexcept {
    if (!text.ends_with(c)) return false;
    text.remove_suffix(1);
    return true;
}

class Table {
  public:
    Table() {
        std::vector<std::pair<std::size_t, std::string>> references;  // field, message
        std::vector<std::size_t> begins;
        for (std::string_view text = schema_text(); !text.empty();)
            read_line(take_until(text, '\n'), references, begins);
        begins.push_back(fields_.size());
        for (std::size_t i = 0; i < messages_.size(); ++i)
            messages_[i].fields = std::span(fields_).subspan(begins[i], begins[i + 1] - begins[i]);
        for (const Message& m : messages_) by_name_.emplace(m.name, &m);
        for (const auto& [field, name] : references) {
            fields_[field].message = find(name);
            if (fields_[field].message == nullptr)
                throw Error(ErrorKind::internal, "fields.txt: no message " + name);
        }
    }

    [[nodiscard]] const Message* find(std::string_view name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : found->second;
    }

    [[nodiscard]] const Message* find(std::string_view api_version, std::string_view kind) const {
        const auto group = groups_.find(api_version);
        if (group == groups_.end()) return nullptr;
        std::string name(group->second);
        name.append(".").append(kind);
        return find(name);
    }

  private:
    void read_line(std::string_view line, std::vector<std::pair<std::size_t, std::string>>& references,
                   std::vector<std::size_t>& begins) {
        if (line.empty() || line.front() == '#') return;
        if (take(line, "group ")) {
            const std::string_view api_version = take_until(line, ' ');
            groups_.emplace(api_version, line);
            return;
        }
        if (take(line, "message ")) {
            Message m;
            m.name = take_until(line, ' ');
            const auto* const form = find_word(k_forms, line);
            if (form != k_forms.end()) m.form = form->second;
            messages_.push_back(m);
            begins.push_back(fields_.size());
            return;
        }
        Field f;
        const std::string_view number = take_until(line, ' ');
        std::from_chars(number.data(), number.data() + number.size(), f.number);
        f.name = take_until(line, ' ');
        if (take(line, "[]")) f.container = Field::Container::list;
        if (take(line, "{}")) f.container = Field::Container::map;
        f.pointer = take(line, "*");
        f.omit_zero = take_last(line, '~');
        f.always = take_last(line, '!');
        const auto* const scalar = find_word(k_scalars, line);
        if (scalar != k_scalars.end()) {
            f.kind = scalar->second;
        } else {
            f.kind = Field::Kind::message;
            const std::string_view own = messages_.back().name;
            std::string name(line.find('.') == std::string_view::npos ? own.substr(0, own.rfind('.') + 1)
                                                                      : std::string_view());
            references.emplace_back(fields_.size(), name.append(line));
        }
        fields_.push_back(f);
    }

    std::vector<Field> fields_;
    std::vector<Message> messages_;
    std::unordered_map<std::string_view, std::string_view> groups_;
    std::unordered_map<std::string_view, const Message*> by_name_;
};

const Table& table() {
    static const Table t;
    return t;
}

}  // namespace

const Field* Message::field(std::uint32_t number) const noexcept {
    // Most messages number their fields from 1 without a gap.
    if (number - 1 < fields.size() && fields[number - 1].number == number) return &fields[number - 1];
    const auto found =
        std::lower_bound(fields.begin(), fields.end(), number,
                         [](const Field& f, std::uint32_t wanted) { return f.number < wanted; });
    return found != fields.end() && found->number == number ? &*found : nullptr;
}

const Message* find_message(std::string_view api_version, std::string_view kind) {
    if (const Message* m = table().find(api_version, kind)) return m;
    // Options and Status travel under every group.
    std::string name("meta.v1.");
    return api_version.empty() ? nullptr : table().find(name.append(kind));
}

const Message* find_message(std::string_view name) {
    return table().find(name);
}

const Message& any_object() {
    static const Field metadata{1,
                                "metadata",
                                Field::Kind::message,
                                Field::Container::one,
                                false,
                                false,
                                false,
                                find_message("meta.v1.ObjectMeta")};
    static const Message m{"", Form::object, {&metadata, 1}};
    return m;
}

}  // namespace kvctl::kube
