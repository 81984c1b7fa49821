#include "kvctl/kube/decode.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kvctl/base/bytes.hpp"
#include "kvctl/kube/json_text.hpp"
#include "kvctl/kube/schema.hpp"
#include "kvctl/kube/times.hpp"
#include "kvctl/kube/wire.hpp"

namespace kvctl::kube {
namespace {

struct Fault {
    const char* what;
};

constexpr const char* k_malformed = "a message inside is cut short or malformed";
constexpr const char* k_deep = "messages are nested too deeply";
constexpr const char* k_large = "the object would be many times as large as the value";

std::string hidden(std::size_t bytes) {
    return "(" + std::to_string(bytes) + (bytes == 1 ? " byte)" : " bytes)");
}

// Tools that apply objects keep them, data and all, in an annotation.
bool may_repeat_data(std::string_view annotation, std::string_view value) noexcept {
    constexpr std::size_t k_long = 128;
    return annotation.find("applied") != std::string_view::npos || value.size() > k_long;
}

class Walk {
  public:
    Walk(std::string& out, std::size_t input, bool hide)
        : out_(out), limit_(32 * input + (1U << 20)), hide_(hide) {}

    // The members of an object whose opening brace stands there already.
    void members(const Message& m, std::string_view bytes) {
        if (++depth_ > k_deepest_message) throw Fault{k_deep};
        if (out_.size() > limit_) throw Fault{k_large};
        const WireStack::Frame frame(stack_, bytes);
        if (frame.bad()) throw Fault{k_malformed};
        std::size_t next = 0;  // of m.fields
        for (std::size_t i = 0; i < frame.size();) {
            const std::size_t end = frame.group_end(i);
            const std::uint32_t number = frame[i].number;
            for (; next < m.fields.size() && m.fields[next].number < number; ++next) absent(m.fields[next]);
            const Field* f = m.field(number);
            if (f != nullptr) ++next;
            if (f == nullptr || !fits(*f, frame[end - 1].wire_type)) {
                unknown(frame, i, end);
            } else {
                present(m, *f, frame, i, end);
            }
            i = end;
        }
        for (; next < m.fields.size(); ++next) absent(m.fields[next]);
        --depth_;
    }

    void object(const Message& m, std::string_view bytes) {
        out_ += '{';
        members(m, bytes);
        out_ += '}';
    }

    void name(std::string_view text) {
        if (out_.back() != '{') out_ += ',';
        append_json_string(out_, text);
        out_ += ':';
    }

  private:
    using Frame = WireStack::Frame;

    static bool fits(const Field& f, int wire_type) noexcept {
        if (f.container == Field::Container::map) return wire_type == 2;
        switch (f.kind) {
            case Field::Kind::string:
            case Field::Kind::bytes:
            case Field::Kind::message:
                return wire_type == 2;
            case Field::Kind::real:
                return wire_type == 1 || wire_type == 5;
            default:
                return wire_type == 0 || (wire_type == 2 && f.container == Field::Container::list);
        }
    }

    // An empty list is not stored, and the API server reads null. What else is missing was written before
    // there was such a field.
    void absent(const Field& f) {
        if (!f.always || f.hidden() || f.container == Field::Container::one) return;
        name(f.name);
        out_ += "null";
    }

    void present(const Message& m, const Field& f, const Frame& frame, std::size_t i, std::size_t end) {
        if (f.hidden()) return;
        if (f.container == Field::Container::map) {
            name(f.name);
            map(f, frame, i, end, rule_of(m, f));
        } else if (f.container == Field::Container::list) {
            name(f.name);
            list(f, frame, i, end);
        } else if (f.inlined()) {
            members(*f.message, frame[end - 1].bytes);
        } else if (shown(f, frame[end - 1])) {
            const std::size_t before = out_.size();
            name(f.name);
            const std::size_t begin = out_.size();
            value(f, frame[end - 1]);
            const std::string_view written = std::string_view(out_).substr(begin);
            if (f.omit_zero && (written == "{}" || written == "null")) out_.resize(before);
        }
    }

    // Most fields are written even when they are empty; JSON leaves those out. A time that is empty is null,
    // where a message would be {}.
    static bool shown(const Field& f, const WireField& w) noexcept {
        if (f.kind == Field::Kind::message) return !f.pointer || !f.message->is_time() || !w.bytes.empty();
        if (f.always || f.pointer) return true;
        return w.wire_type == 2 ? !w.bytes.empty() : w.value != 0;
    }

    void value(const Field& f, const WireField& w) {
        switch (f.kind) {
            case Field::Kind::message:
                message(*f.message, w.bytes);
                break;
            case Field::Kind::string:
                append_json_string(out_, w.bytes);
                break;
            case Field::Kind::bytes:
                append_json_string(out_, base64_encode(w.bytes));
                break;
            case Field::Kind::real:
                real(w);
                break;
            default:
                number(f.kind, w.value);
        }
    }

    void number(Field::Kind kind, std::uint64_t n) {
        if (kind == Field::Kind::boolean) {
            out_ += n != 0 ? "true" : "false";
        } else {
            out_ += kind == Field::Kind::natural ? std::to_string(n)
                                                 : std::to_string(static_cast<std::int64_t>(n));
        }
    }

    void real(const WireField& w) {
        const double d = w.wire_type == 1 ? std::bit_cast<double>(w.value)
                                          : std::bit_cast<float>(static_cast<std::uint32_t>(w.value));
        std::array<char, 40> text;
        const auto [end, code] = std::to_chars(text.data(), text.data() + text.size(), d);
        out_ += std::isfinite(d) && code == std::errc{} ? std::string_view(text.data(), end) : "null";
    }

    void list(const Field& f, const Frame& frame, std::size_t i, std::size_t end) {
        out_ += '[';
        const auto separate = [&] {
            if (out_.back() != '[') out_ += ',';
        };
        for (; i < end; ++i) {
            const WireField w = frame[i];
            if (!fits(f, w.wire_type)) throw Fault{k_malformed};
            const bool packed = w.wire_type == 2 && f.kind != Field::Kind::string &&
                                f.kind != Field::Kind::bytes && f.kind != Field::Kind::message;
            if (!packed) {
                separate();
                value(f, w);
                continue;
            }
            for (std::string_view rest = w.bytes; !rest.empty();) {
                std::uint64_t n = 0;
                if (!proto::take_varint(rest, n)) throw Fault{k_malformed};
                separate();
                number(f.kind, n);
            }
        }
        out_ += ']';
    }

    enum class Rule { show, hide, hide_annotations };
    Rule rule_of(const Message& m, const Field& f) const noexcept {
        if (!hide_) return Rule::show;
        if (m.name == "meta.v1.ObjectMeta" && f.name == "annotations") return Rule::hide_annotations;
        return m.name == "core.v1.Secret" ? Rule::hide : Rule::show;
    }

    void map(const Field& f, const Frame& frame, std::size_t i, std::size_t end, Rule rule) {
        out_ += '{';
        for (; i < end; ++i) {
            proto::Reader entry(frame[i].bytes);
            std::string_view key;
            WireField w;
            w.wire_type = f.kind == Field::Kind::message || f.kind == Field::Kind::string ||
                                  f.kind == Field::Kind::bytes
                              ? 2
                              : 0;
            while (entry.next()) {
                if (entry.field() == 1) key = entry.bytes();
                if (entry.field() == 2) w = {2, entry.wire_type(), entry.number(), entry.bytes()};
            }
            if (entry.bad() || frame[i].wire_type != 2) throw Fault{k_malformed};
            name(key);
            if (rule == Rule::hide || (rule == Rule::hide_annotations && may_repeat_data(key, w.bytes))) {
                append_json_string(out_, hidden(w.bytes.size()));
            } else {
                value(f, w);
            }
        }
        out_ += '}';
    }

    void unknown(const Frame& frame, std::size_t i, std::size_t end) {
        name("#" + std::to_string(frame[i].number));
        const bool many = end - i > 1;
        if (many) out_ += '[';
        for (std::size_t j = i; j < end; ++j) {
            const WireField& w = frame[j];
            if (j > i) out_ += ',';
            if (w.wire_type != 2) {
                out_ += std::to_string(w.value);
            } else if (hide_) {
                append_json_string(out_, hidden(w.bytes.size()));
            } else {
                append_json_string(out_, is_utf8(w.bytes) ? std::string(w.bytes) : base64_encode(w.bytes));
            }
        }
        if (many) out_ += ']';
    }

    void json(std::string_view text) {
        if (text.empty()) {
            out_ += "null";
        } else if (const Encoding e = detect_encoding(text); e.kind == Encoding::Kind::protobuf) {
            envelope(e);
        } else if (!append_json(out_, text)) {
            append_json_string(out_, base64_encode(text));
        }
    }

    void message(const Message& m, std::string_view bytes) {
        switch (m.form) {
            case Form::object:
                object(m, bytes);
                return;
            case Form::time:
            case Form::micro_time: {
                const auto time = decode_time(bytes);
                const auto format = m.form == Form::time ? format_time : format_micro_time;
                out_ += time ? "\"" + format(*time) + "\"" : "null";
                return;
            }
            default:
                wrapper(m, bytes);
        }
    }

    // A message whose JSON is something else than an object with its fields.
    void wrapper(const Message& m, std::string_view bytes) {
        if (++depth_ > k_deepest_message) throw Fault{k_deep};
        const Frame frame(stack_, bytes);
        if (frame.bad()) throw Fault{k_malformed};
        const auto last = [&](std::uint32_t number) {
            WireField found;
            for (std::size_t i = 0; i < frame.size(); ++i) {
                if (frame[i].number == number) found = frame[i];
            }
            return found;
        };
        switch (m.form) {
            case Form::duration:
                append_json_string(out_, format_duration(static_cast<std::int64_t>(last(1).value)));
                break;
            case Form::quantity: {
                const WireField text = last(1);
                append_json_string(out_, text.bytes.empty() ? "0" : text.bytes);
                break;
            }
            case Form::int_or_string:
                if (last(1).value == 1) {
                    append_json_string(out_, last(3).bytes);
                } else {
                    out_ += std::to_string(static_cast<std::int32_t>(last(2).value));
                }
                break;
            case Form::json:
                json(last(1).bytes);
                break;
            case Form::either_bool:
                if (const WireField w = last(2); w.number != 0) {
                    value(*m.field(2), w);
                } else {
                    out_ += last(1).value != 0 ? "true" : "false";
                }
                break;
            default:  // a list alone, or an object unless there is a list
                listed(m, frame);
        }
        --depth_;
    }

    void listed(const Message& m, const Frame& frame) {
        const std::uint32_t list_number = m.form == Form::list ? 1 : 2;
        const Field* f = m.field(list_number);
        std::size_t i = 0;
        while (i < frame.size() && frame[i].number < list_number) ++i;
        if (f != nullptr && i < frame.size() && frame[i].number == list_number) {
            list(*f, frame, i, frame.group_end(i));
        } else if (m.form == Form::either_list && frame.size() > 0 && frame[0].number == 1) {
            value(*m.field(1), frame[0]);
        } else {
            out_ += "null";
        }
    }

  public:
    // The object of a protobuf value.
    void envelope(const Encoding& e, const Message* untyped = nullptr) {
        if (e.broken) throw Fault{"the envelope is cut short or malformed"};
        const bool typed = !e.api_version.empty() || !e.object_kind.empty();
        out_ += '{';
        if (typed) {
            name("apiVersion");
            append_json_string(out_, e.api_version);
            name("kind");
            append_json_string(out_, e.object_kind);
        }
        const Message* m = typed ? find_message(e.api_version, e.object_kind) : untyped;
        members(m != nullptr ? *m : any_object(), e.body);
        out_ += '}';
    }

  private:
    std::string& out_;
    std::size_t limit_;
    bool hide_;
    int depth_ = 0;
    WireStack stack_;
};

// A Secret stored as JSON, its data hidden.
void append_hidden_json(std::string& out, std::string_view text) {
    const auto each = [&](std::string_view object, const auto& f) {
        JsonReader reader(object);
        const char* separator = "";
        out += '{';
        for (JsonReader::Member m; reader.next_member(m); separator = ",") {
            out.append(separator).append("\"").append(m.key).append("\":");
            f(m);
        }
        out += '}';
    };
    std::string storage;
    const auto hide = [&](const JsonReader::Member& m) {
        const std::string_view content = json_string(m.value, storage);
        const auto data = base64_decode(content);
        append_json_string(out, hidden(data ? data->size() : content.size()));
    };
    const auto annotation = [&](const JsonReader::Member& m) {
        if (may_repeat_data(m.key, json_string(m.value, storage))) return hide(m);
        out += m.value;
    };
    const auto in_metadata = [&](const JsonReader::Member& m) {
        if (m.key == "annotations" && json_kind(m.value) == JsonReader::Kind::object)
            return each(m.value, annotation);
        out += m.value;
    };
    each(text, [&](const JsonReader::Member& m) {
        const bool object = json_kind(m.value) == JsonReader::Kind::object;
        if (m.key == "metadata" && object) return each(m.value, in_metadata);
        if (m.key == "kind" || m.key == "apiVersion" || m.key == "type" || m.key == "immutable") {
            out += m.value;
        } else if (object) {
            each(m.value, hide);
        } else {
            hide(m);
        }
    });
}

void decode_json(std::string_view text, bool hide, Decoded& d) {
    if (!hide) {
        if (!append_json(d.json, text)) d.fault = "it begins as JSON and is none";
        return;
    }
    std::string whole;
    if (append_json(whole, text)) {
        append_hidden_json(d.json, whole);
    } else {
        d.fault = "it begins as JSON and is none";
    }
}

}  // namespace

bool is_secret(std::string_view key, const Encoding& e) {
    if (e.kind == Encoding::Kind::protobuf && !e.broken && !e.object_kind.empty())
        return e.object_kind == "Secret";
    if (e.kind == Encoding::Kind::json) {
        JsonReader reader(e.body);
        for (JsonReader::Member m; reader.next_member(m);) {
            std::string storage;
            if (m.key == "kind") return json_string(m.value, storage) == "Secret";
        }
    }
    return key.find("/secrets/") != std::string_view::npos;
}

namespace {

void decode_into(Decoded& d, bool hide, const Message* untyped) {
    try {
        if (d.encoding.kind == Encoding::Kind::protobuf) {
            Walk(d.json, d.encoding.body.size(), hide).envelope(d.encoding, untyped);
        } else if (d.encoding.kind == Encoding::Kind::json) {
            decode_json(d.encoding.body, hide, d);
        }
    } catch (const Fault& fault) {
        d.json.clear();
        d.fault = fault.what;
    }
}

}  // namespace

Decoded decode(const Encoding& encoding, const DecodeOptions& options) {
    Decoded d;
    d.encoding = encoding;
    decode_into(d, !options.reveal_secrets, options.untyped);
    return d;
}

Decoded decode(std::string_view key, std::string_view value, const DecodeOptions& options) {
    Decoded d;
    d.encoding = detect_encoding(value);
    d.secret = is_secret(key, d.encoding);
    decode_into(d, d.secret && !options.reveal_secrets, options.untyped);
    return d;
}

}  // namespace kvctl::kube
