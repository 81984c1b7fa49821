#include "kvctl/store/history_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::store {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_block = std::size_t{64} << 10;

}  // namespace

// One file, a line at a time.
class HistoryLines {
  public:
    HistoryLines(const std::string& path, std::string shown)
        : path_(std::move(shown)), fd_(open_waiting(path)) {}

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] std::string place() const { return fmt::format("{}: line {}", path_, number_); }

    // The next line that is not blank; the view lives until the next call.
    bool next(std::string_view& line) {
        for (;;) {
            std::size_t end = buffer_.find('\n', at_);
            while (end == std::string::npos && fill()) end = buffer_.find('\n', searched_);
            if (end == std::string::npos && at_ == buffer_.size()) return false;
            ++number_;
            const std::size_t stop = end == std::string::npos ? buffer_.size() : end;
            line = std::string_view(buffer_).substr(at_, stop - at_);
            at_ = std::min(stop + 1, buffer_.size());
            if (line.find_first_not_of(" \t\r") != std::string_view::npos) return true;
        }
    }

  private:
    // Moves what is left to the front and reads on behind it.
    bool fill() {
        check_interrupt();
        buffer_.erase(0, at_);
        at_ = 0;
        searched_ = buffer_.size();
        if (searched_ > HistoryReader::k_longest_line) {
            ++number_;
            throw Error(ErrorKind::damaged,
                        fmt::format("{}: longer than {} bytes", place(), HistoryReader::k_longest_line));
        }
        buffer_.resize(searched_ + k_block);
        ssize_t n = 0;
        do {
            n = ::read(fd_.get(), buffer_.data() + searched_, k_block);
            if (n < 0 && errno == EINTR) check_interrupt();
        } while (n < 0 && errno == EINTR);
        const int error = errno;
        buffer_.resize(searched_ + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        if (n < 0) throw io_error(path_, "cannot read", error);
        return n > 0;
    }

    std::string path_;
    Fd fd_;
    std::string buffer_;
    std::size_t at_ = 0;
    std::size_t searched_ = 0;
    std::uint64_t number_ = 0;
};

namespace {

struct Op {
    std::optional<std::int64_t> sub;
    std::optional<std::string> type;
    std::optional<std::string> key;
    std::string value;
    std::int64_t lease = 0;
    std::int64_t create_revision = 0;
    std::int64_t version = 0;
};

// Everything known that one line may say.
struct Line {
    std::optional<std::string> format;
    std::optional<std::int64_t> rev;
    bool has_ops = false;
    std::vector<Op> ops;
    std::string layout;
    std::optional<std::int64_t> current;
    std::optional<std::int64_t> rows;
    Meta meta;
    std::vector<Lease> leases;
};

// Fills a Line; what it does not know is skipped without being kept.
class LineSax final : public nlohmann::json_sax<Json> {
  public:
    explicit LineSax(Line& line) : line_(line) {}
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

    bool null() override { return scalar(nullptr, nullptr); }
    bool boolean(bool) override { return scalar(nullptr, nullptr); }
    bool number_integer(number_integer_t n) override { return scalar(&n, nullptr); }
    bool number_unsigned(number_unsigned_t n) override {
        if (n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return known_here() ? fail(fmt::format("'{}' is above 2^63-1", name_)) : true;
        }
        const auto integer = static_cast<std::int64_t>(n);
        return scalar(&integer, nullptr);
    }
    bool number_float(number_float_t, const string_t&) override { return scalar(nullptr, nullptr); }
    bool string(string_t& text) override { return scalar(nullptr, &text); }
    bool binary(binary_t&) override { return fail("binary data"); }

    bool start_object(std::size_t) override {
        if (stack_.empty()) return push(Place::root);
        if (place() == Place::ops) {
            line_.ops.emplace_back();
            return push(Place::op);
        }
        if (place() == Place::leases) {
            line_.leases.emplace_back();
            return push(Place::lease);
        }
        if (place() == Place::root && name_ == "meta") return push(Place::meta);
        return known_here() ? fail(fmt::format("'{}' is an object", name_)) : push(Place::skipped);
    }
    bool end_object() override { return pop(); }
    bool start_array(std::size_t) override {
        if (place() == Place::root && name_ == "ops") {
            line_.has_ops = true;
            return push(Place::ops);
        }
        if (place() == Place::root && name_ == "leases") return push(Place::leases);
        if (stack_.empty()) return fail("not an object");
        return known_here() ? fail(fmt::format("'{}' is a list", name_)) : push(Place::skipped);
    }
    bool end_array() override { return pop(); }
    bool key(string_t& name) override {
        name_ = std::move(name);
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return fail(fmt::format("not JSON at column {}", position));
    }

  private:
    enum class Place { none, root, ops, op, meta, leases, lease, skipped };
    static constexpr std::size_t k_deepest = 64;

    [[nodiscard]] Place place() const noexcept { return stack_.empty() ? Place::none : stack_.back(); }
    bool fail(std::string what) {
        if (error_.empty()) error_ = std::move(what);
        return false;
    }
    bool push(Place p) {
        if (stack_.size() == k_deepest) return fail("nested too deeply");
        stack_.push_back(p);
        return true;
    }
    bool pop() {
        stack_.pop_back();
        return true;
    }
    // A name whose value must be a number or a string.
    [[nodiscard]] bool known_here() const noexcept {
        switch (place()) {
            case Place::root:
                return name_ == "rev" || name_ == "format" || name_ == "current_revision" ||
                       name_ == "entries" || name_ == "ops" || name_ == "leases" || name_ == "meta";
            case Place::op:
                return name_ == "sub" || name_ == "type" || name_ == "key" || name_ == "value" ||
                       name_ == "lease" || name_ == "create_revision" || name_ == "version";
            case Place::lease:
                return name_ == "id" || name_ == "ttl";
            case Place::meta:
            case Place::ops:
            case Place::leases:
            case Place::none:
                return true;
            default:
                return false;
        }
    }

    template <class T>
    bool take(const std::int64_t* number, T& out) {
        if (number == nullptr) return fail(fmt::format("'{}' is not an integer", name_));
        out = *number;
        return true;
    }
    bool take_text(std::string* text, std::optional<std::string>& out) {
        if (text == nullptr) return fail(fmt::format("'{}' is not a string", name_));
        out = std::move(*text);
        return true;
    }
    bool take_bytes(std::string* text, std::optional<std::string>& out) {
        if (text == nullptr) return fail(fmt::format("'{}' is not a string", name_));
        out = base64_decode(*text);
        return out ? true : fail(fmt::format("'{}' is not base64", name_));
    }

    bool scalar(const std::int64_t* number, std::string* text) {
        switch (place()) {
            case Place::none:
                return fail("not an object");
            case Place::root:
                if (name_ == "rev") return take(number, line_.rev);
                if (name_ == "current_revision") return take(number, line_.current);
                if (name_ == "entries") return take(number, line_.rows);
                if (name_ == "format") return take_text(text, line_.format);
                if (name_ == "layout" && text != nullptr) line_.layout = *text;
                return name_ == "ops" || name_ == "leases" || name_ == "meta"
                           ? fail(fmt::format("'{}' is neither an object nor a list", name_))
                           : true;
            case Place::meta:
                line_.meta.emplace_back(name_, 0);
                return take(number, line_.meta.back().second);
            case Place::lease:
                if (name_ == "id") return take(number, line_.leases.back().id);
                if (name_ == "ttl") return take(number, line_.leases.back().ttl);
                return true;
            case Place::op:
                return op(line_.ops.back(), number, text);
            case Place::ops:
            case Place::leases:
                return fail("a list of objects holds something else");
            case Place::skipped:
                return true;
        }
        return true;
    }

    bool op(Op& op, const std::int64_t* number, std::string* text) {
        if (name_ == "sub") return take(number, op.sub);
        if (name_ == "lease") return take(number, op.lease);
        if (name_ == "create_revision") return take(number, op.create_revision);
        if (name_ == "version") return take(number, op.version);
        if (name_ == "type") return take_text(text, op.type);
        if (name_ == "key") return take_bytes(text, op.key);
        if (name_ == "value") {
            std::optional<std::string> value;
            if (!take_bytes(text, value)) return false;
            op.value = std::move(*value);
        }
        return true;
    }

    Line& line_;
    std::vector<Place> stack_;
    std::string name_;
    std::string error_;
};

Line parse(std::string_view text, const HistoryLines& lines) {
    Line line;
    LineSax sax(line);
    if (Json::sax_parse(text.begin(), text.end(), &sax) && sax.error().empty()) return line;
    throw Error(ErrorKind::damaged, lines.place() + ": " + (sax.error().empty() ? "not JSON" : sax.error()));
}

}  // namespace

bool looks_like_history(std::string_view first_bytes) {
    const std::size_t first = first_bytes.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || first_bytes[first] != '{') return false;
    return first_bytes.substr(0, first_bytes.find('\n', first)).find(k_history_format) !=
           std::string_view::npos;
}

struct HistoryReader::Parts {
    Parts(const std::string& path, const std::string& shown) : lines(path, shown) {}
    HistoryLines lines;
    HistoryHeader header;
};

HistoryReader::HistoryReader(const std::string& path, const std::string& shown)
    : parts_(std::make_unique<Parts>(path, shown)) {
    HistoryLines& lines = parts_->lines;
    std::string_view text;
    if (!lines.next(text)) throw Error(ErrorKind::not_a_store, shown + ": an empty file");
    if (!looks_like_history(text)) {
        throw Error(ErrorKind::not_a_store, fmt::format("{}: no history file: its first line does not say {}",
                                                        shown, k_history_format));
    }
    Line line = parse(text, lines);
    if (line.format != k_history_format) {
        throw Error(ErrorKind::not_a_store,
                    fmt::format("{}: format is not {}", lines.place(), k_history_format));
    }
    HistoryHeader& h = parts_->header;
    h.layout = std::move(line.layout);
    if (line.current) h.current = MainRevision(*line.current);
    if (line.rows && *line.rows < 0)
        throw Error(ErrorKind::damaged, lines.place() + ": 'entries' is negative");
    if (line.rows) h.rows = static_cast<std::uint64_t>(*line.rows);
    h.meta = std::move(line.meta);
    h.leases = std::move(line.leases);
}

HistoryReader::~HistoryReader() = default;

const HistoryHeader& HistoryReader::header() const noexcept {
    return parts_->header;
}

void HistoryReader::each(const std::function<void(const mvcc::Record&)>& f) {
    HistoryLines& lines = parts_->lines;
    const auto damaged = [&](const std::string& what) {
        throw Error(ErrorKind::damaged, lines.place() + ": " + what);
    };
    mvcc::Revision last{std::numeric_limits<std::int64_t>::min(), 0};
    std::uint64_t rows = 0;
    for (std::string_view text; lines.next(text);) {
        const Line line = parse(text, lines);
        if (!line.rev || !line.has_ops) damaged("a transaction has 'rev' and 'ops'");
        if (*line.rev < 0) damaged("'rev' is negative");
        for (const Op& op : line.ops) {
            mvcc::Record r;
            if (!op.sub || !op.type || !op.key) damaged("an op has 'sub', 'type' and 'key'");
            r.revision = {*line.rev, *op.sub};
            if (*op.sub < 0) damaged("'sub' is negative");
            if (r.revision <= last) damaged("revisions do not ascend");
            if (*op.type != "put" && *op.type != "delete") damaged("'type' is neither put nor delete");
            r.tombstone = *op.type == "delete";
            if (r.tombstone && !op.value.empty()) damaged("a delete with a value");
            r.key = *op.key;
            r.create_revision = op.create_revision;
            r.version = op.version;
            r.lease = op.lease;
            r.value = op.value;
            last = r.revision;
            ++rows;
            f(r);
        }
    }
    if (header().rows && *header().rows != rows) {
        throw Error(
            ErrorKind::damaged,
            fmt::format("{}: holds {} rows where its first line says {}: it was cut short or pieced together",
                        lines.path(), group_digits(rows), group_digits(*header().rows)));
    }
}

}  // namespace kvctl::store
