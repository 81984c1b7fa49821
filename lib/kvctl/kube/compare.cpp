#include "kvctl/kube/compare.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "kvctl/kube/compare_json.hpp"
#include "kvctl/kube/compare_parts.hpp"
#include "kvctl/kube/decode.hpp"
#include "kvctl/kube/quantity.hpp"
#include "kvctl/kube/schema.hpp"

namespace kvctl::kube {

/// The part of a Comparer that knows protobuf.
class Comparer::Protobuf {
  public:
    explicit Protobuf(Comparer& comparer) : c_(comparer) {}

    // `m` may be null: then only metadata, field 1 of every object, is known.
    void objects(const Message* m, std::string_view before, std::string_view after) {
        message(m != nullptr ? *m : any_object(), before, after);
    }

  private:
    using Frame = WireStack::Frame;

    // The fields [from, to) of a frame that have one number; none where from == to.
    struct Group {
        const Frame& frame;
        std::size_t from;
        std::size_t to;
        [[nodiscard]] bool empty() const noexcept { return from == to; }
        [[nodiscard]] std::size_t size() const noexcept { return to - from; }
        [[nodiscard]] WireField operator[](std::size_t i) const { return frame[from + i]; }
        [[nodiscard]] WireField last() const { return empty() ? WireField{} : frame[to - 1]; }
    };

    void message(const Message& m, std::string_view before, std::string_view after) {
        if (before == after) return;
        if (depth_ == k_deepest_message) return c_.report(false);
        ++depth_;
        const Front front = same_front(before, after);
        if (front.bytes == 0 ||
            !behind(m, front.number, before.substr(front.bytes), after.substr(front.bytes)))
            (void)behind(m, 0, before, after);
        --depth_;
    }

    // What two messages begin with alike: all fields up to a number, which need no look.
    struct Front {
        std::size_t bytes = 0;
        std::uint32_t number = 0;
    };

    static Front same_front(std::string_view before, std::string_view after) noexcept {
        const std::size_t same = common_front(before, after);
        Front front;
        std::uint32_t number = 0;
        proto::Reader reader(before);
        for (std::size_t at = 0; at <= same && reader.next(); at = before.size() - reader.left()) {
            if (reader.field() < number) return {};
            // A list may go on behind what is the same: it is looked at as a whole.
            if (reader.field() > number) front = {at, number};
            number = reader.field();
        }
        return reader.bad() ? Front{} : front;
    }

    // Compares what stands behind a front; false, and nothing was done, where a number of it comes again.
    bool behind(const Message& m, std::uint32_t number, std::string_view before, std::string_view after) {
        const Frame b(c_.before_, before);
        const Frame a(c_.after_, after);
        const auto comes_again = [&](const Frame& f) {
            return !f.in_order() || (f.size() > 0 && f[0].number <= number);
        };
        if (number > 0 && (comes_again(b) || comes_again(a))) return false;
        if (b.bad() || a.bad()) {
            c_.report(false);
        } else {
            fields(m, b, a);
        }
        return true;
    }

    void fields(const Message& m, const Frame& b, const Frame& a) {
        std::size_t i = 0;
        std::size_t j = 0;
        while (i < b.size() || j < a.size()) {
            const std::uint32_t number = j == a.size()   ? b[i].number
                                         : i == b.size() ? a[j].number
                                                         : std::min(b[i].number, a[j].number);
            const std::size_t i_end = i < b.size() && b[i].number == number ? b.group_end(i) : i;
            const std::size_t j_end = j < a.size() && a[j].number == number ? a.group_end(j) : j;
            field(m, number, {b, i, i_end}, {a, j, j_end});
            i = i_end;
            j = j_end;
        }
    }

    static bool same_wire(const WireField& x, const WireField& y) noexcept {
        return x.wire_type == y.wire_type && x.value == y.value && x.bytes == y.bytes;
    }

    static bool same_wire(const Group& b, const Group& a) {
        if (b.size() != a.size()) return false;
        for (std::size_t i = 0; i < b.size(); ++i) {
            if (!same_wire(b[i], a[i])) return false;
        }
        return true;
    }

    void field(const Message& m, std::uint32_t number, const Group& b, const Group& a) {
        if (same_wire(b, a)) return;
        const Field* f = m.field(number);
        if (f == nullptr) {
            const Path::Part part(c_.path_, "#" + std::to_string(number));
            return c_.report(false);
        }
        if (f->hidden() ||
            (m.name == k_metadata && (number == k_managed_fields || number == k_resource_version)))
            return;
        if (f->inlined() && f->kind == Field::Kind::message)
            return message(*f->message, b.last().bytes, a.last().bytes);
        const Path::Part part(c_.path_, f->name);
        switch (f->container) {
            case Field::Container::map:
                return map(*f, b, a);
            case Field::Container::list:
                return list(*f, b, a);
            default:
                one(*f, b, a);
        }
    }

    void one(const Field& f, const Group& b, const Group& a) {
        const WireField x = b.last();
        const WireField y = a.last();
        if (f.kind == Field::Kind::message) {
            const bool came_empty = f.pointer && b.empty() != a.empty() && x.bytes.empty() && y.bytes.empty();
            if (came_empty && !f.message->is_time()) return c_.report(false);
            return value(*f.message, x.bytes, y.bytes);
        }
        // What is written although it is empty and what is not there read back as the same, but for pointers.
        if (f.pointer && b.empty() != a.empty()) return c_.report(false);
        if (x.value == y.value && x.bytes == y.bytes) return;
        c_.report(c_.event_ && (f.name == "count" || f.name == "deprecatedCount") && x.value != 0);
    }

    // Two messages, either of which may be empty.
    void value(const Message& m, std::string_view before, std::string_view after) {
        if (before == after) return;
        switch (m.form) {
            case Form::time:
            case Form::micro_time: {
                const auto x = decode_time(before);
                const auto y = decode_time(after);
                if (x != y) c_.report(x && y);
                return;
            }
            case Form::quantity:
                if (!same_quantity(text_of(before, 1), text_of(after, 1))) c_.report(false);
                return;
            case Form::json:
                return Json(c_).values(text_of(before, 1), text_of(after, 1));
            case Form::duration:
            case Form::int_or_string:
                if (!same_scalars(before, after)) c_.report(false);
                return;
            case Form::list:
            case Form::either_list:
            case Form::either_bool:
                return unwrapped(m, before, after);
            default:
                message(m, before, after);
        }
    }

    static std::string_view text_of(std::string_view message, std::uint32_t number) noexcept {
        std::string_view text;
        for (proto::Reader r(message); r.next();) {
            if (r.field() == number) text = r.bytes();
        }
        return text;
    }

    bool same_scalars(std::string_view before, std::string_view after) {
        const Frame b(c_.before_, before);
        const Frame a(c_.after_, after);
        if (b.bad() || a.bad()) return false;
        for (std::uint32_t number = 1; number <= 3; ++number) {
            const auto last = [&](const Frame& frame) {
                WireField found;
                for (std::size_t i = 0; i < frame.size(); ++i) {
                    if (frame[i].number == number) found = frame[i];
                }
                return found;
            };
            const WireField x = last(b);
            const WireField y = last(a);
            if (x.value != y.value || x.bytes != y.bytes) return false;
        }
        return true;
    }

    // What these hold stands in JSON where they themselves do: their fields add nothing to the path.
    void unwrapped(const Message& m, std::string_view before, std::string_view after) {
        if (depth_ == k_deepest_message) return c_.report(false);
        ++depth_;
        const Frame b(c_.before_, before);
        const Frame a(c_.after_, after);
        if (b.bad() || a.bad()) c_.report(false);
        for (const Field& f : m.fields) {
            const auto group = [&](const Frame& frame) {
                std::size_t i = 0;
                while (i < frame.size() && frame[i].number < f.number) ++i;
                const bool there = i < frame.size() && frame[i].number == f.number;
                return Group{frame, i, there ? frame.group_end(i) : i};
            };
            const Group x = group(b);
            const Group y = group(a);
            if (b.bad() || a.bad() || same_wire(x, y)) continue;
            if (f.container == Field::Container::list) {
                list(f, x, y);
            } else {
                one(f, x, y);
            }
        }
        --depth_;
    }

    static Keyed<WireField> entries_of(const Group& g) {
        Keyed<WireField> entries;
        entries.reserve(g.size());
        for (std::size_t i = 0; i < g.size(); ++i) {
            std::string_view key;
            WireField w;
            for (proto::Reader r(g[i].bytes); r.next();) {
                if (r.field() == 1) key = r.bytes();
                if (r.field() == 2) w = {2, r.wire_type(), r.number(), r.bytes()};
            }
            entries.emplace_back(key, w);
        }
        sort_by_key(entries);
        return entries;
    }

    void map(const Field& f, const Group& b, const Group& a) {
        for_each_pair(entries_of(b), entries_of(a),
                      [&](std::string_view key, const WireField* x, const WireField* y) {
                          const Path::Part part(c_.path_, key);
                          if (x == nullptr || y == nullptr) return c_.report(false);
                          if (f.kind == Field::Kind::message) return value(*f.message, x->bytes, y->bytes);
                          if (x->value == y->value && x->bytes == y->bytes) return;
                          c_.report(key == k_leader_annotation && only_times(x->bytes, y->bytes));
                      });
    }

    static bool only_times(std::string_view before, std::string_view after) {
        if (!is_json(before) || !is_json(after)) return false;
        Comparer inner;
        return inner.compare_json(before, after, [](const Change&) {}) != Verdict::change;
    }

    void list(const Field& f, const Group& b, const Group& a) {
        if (f.kind == Field::Kind::message && f.message->form == Form::object && by_merge_key(f, b, a))
            return;
        const Path::Part part(c_.path_);
        c_.path_.item({}, {});
        const std::size_t common = std::min(b.size(), a.size());
        for (std::size_t i = 0; i < common; ++i) {
            const WireField x = b[i];
            const WireField y = a[i];
            if (f.kind == Field::Kind::message) {
                value(*f.message, x.bytes, y.bytes);
            } else if (!same_wire(x, y)) {
                return c_.report(false);
            }
        }
        if (b.size() != a.size()) c_.report(false);
    }

    bool by_merge_key(const Field& list, const Group& b, const Group& a) {
        for (const std::string_view merge_key : k_merge_keys) {
            const auto& fields = list.message->fields;
            const auto f = std::find_if(fields.begin(), fields.end(), [&](const Field& x) {
                return x.name == merge_key && x.container == Field::Container::one &&
                       x.kind != Field::Kind::message;
            });
            if (f == fields.end()) continue;
            numbers_.clear();
            const Keyed<WireField> bs = by_field(b, *f);
            const Keyed<WireField> as = by_field(a, *f);
            if (has_duplicates(bs) || has_duplicates(as)) continue;
            for_each_pair(bs, as, [&](std::string_view key, const WireField* x, const WireField* y) {
                const Path::Part part(c_.path_);
                c_.path_.item(merge_key, key);
                if (x == nullptr || y == nullptr) return c_.report(false);
                value(*list.message, x->bytes, y->bytes);
            });
            return true;
        }
        return false;
    }

    Keyed<WireField> by_field(const Group& g, const Field& f) {
        Keyed<WireField> items;
        items.reserve(g.size());
        for (std::size_t i = 0; i < g.size(); ++i) {
            const WireField item = g[i];
            std::string_view key;
            for (proto::Reader r(item.bytes); r.next();) {
                if (r.field() != f.number) continue;
                key = r.wire_type() == 2 ? r.bytes() : numbers_.emplace_back(std::to_string(r.number()));
            }
            items.emplace_back(key, item);
        }
        sort_by_key(items);
        return items;
    }

    static constexpr std::string_view k_metadata = "meta.v1.ObjectMeta";
    static constexpr std::uint32_t k_resource_version = 6;
    static constexpr std::uint32_t k_managed_fields = 17;

    Comparer& c_;
    int depth_ = 0;
    std::deque<std::string> numbers_;  // merge keys that are numbers, as text
};

void Comparer::report(bool heartbeat, std::string_view before, std::string_view after) {
    ++changes_;
    heartbeats_ += heartbeat ? 1 : 0;
    (*sink_)({path_.text(), heartbeat, before, after});
}

Verdict Comparer::verdict(bool managers_same) const noexcept {
    if (heartbeats_ != changes_ || !managers_same) return Verdict::change;
    return changes_ == 0 ? Verdict::no_op : Verdict::heartbeat;
}

Verdict Comparer::compare(const Object& before, const Object& after, const ChangeSink& sink) {
    using Kind = Encoding::Kind;
    path_.clear();
    sink_ = &sink;
    changes_ = heartbeats_ = 0;
    event_ = after.kind == "Event";
    const Kind kind = after.encoding.kind;
    if (!before.is_object || !after.is_object) {
        if (before.value != after.value) report(false);
        return verdict(true);
    }
    if (before.encoding.kind == kind && before.api_version == after.api_version &&
        before.kind == after.kind) {
        if (kind == Kind::protobuf) {
            Protobuf(*this).objects(message_of(after), before.encoding.body, after.encoding.body);
        } else {
            Json(*this).objects(before.encoding.body, after.encoding.body);
        }
        return verdict(same_managers(before, after));
    }
    // Written in another version, or in another encoding: as the API server gives them.
    const auto json_of = [](const Object& o) {
        Decoded d = decode(o.encoding, {.reveal_secrets = true});
        return std::move(d.json);
    };
    const std::string b = json_of(before);
    const std::string a = json_of(after);
    Json(*this).objects(b, a);
    return verdict(same_managers(before, after));
}

// Most objects are of the kind of the one before.
const Message* Comparer::message_of(const Object& object) {
    if (object.api_version != last_version_ || object.kind != last_kind_) {
        last_version_ = object.api_version;
        last_kind_ = object.kind;
        last_message_ = find_message(last_version_, last_kind_);
    }
    return last_message_;
}

Verdict Comparer::compare_json(std::string_view before, std::string_view after, const ChangeSink& sink) {
    path_.clear();
    sink_ = &sink;
    changes_ = heartbeats_ = 0;
    event_ = false;
    Json(*this).objects(before, after);
    return verdict(true);
}

bool same_json(std::string_view a, std::string_view b) {
    if (a == b) return true;
    Comparer comparer;
    bool same = true;
    (void)comparer.compare_json(a, b, [&](const Change&) { same = false; });
    return same;
}

bool same_managers(const Object& before, const Object& after) {
    if (before.managers.size() != after.managers.size()) return false;
    const auto alike = [](const Manager& b, const Manager& a) {
        return b.same_as(a) && b.fields == a.fields;
    };
    if (std::equal(before.managers.begin(), before.managers.end(), after.managers.begin(), alike))
        return true;
    const auto sorted = [](const Object& o) {
        std::vector<const Manager*> managers;
        for (const Manager& m : o.managers) managers.push_back(&m);
        std::sort(managers.begin(), managers.end(), [](const Manager* x, const Manager* y) {
            return std::tie(x->name, x->operation, x->api_version, x->subresource) <
                   std::tie(y->name, y->operation, y->api_version, y->subresource);
        });
        return managers;
    };
    const auto b = sorted(before);
    const auto a = sorted(after);
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!b[i]->same_as(*a[i]) || !same_json(b[i]->fields, a[i]->fields)) return false;
    }
    return true;
}

}  // namespace kvctl::kube
