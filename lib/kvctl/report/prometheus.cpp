#include "kvctl/report/prometheus.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::report {
namespace {

// Between the quotes of a label: any UTF-8, but three characters are written otherwise.
std::string label_value(std::string_view text) {
    const std::string safe = is_utf8(text) ? std::string(text) : escape(text);
    std::string value;
    for (const char c : safe) {
        if (c == '\n') {
            value += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') value += '\\';
        value += c;
    }
    return value;
}

class Writer {
  public:
    Writer(std::ostream& out, const std::vector<Scraped>& stores) : out_(out) {
        for (const Scraped& s : stores) {
            const std::string label = label_value(s.path);
            const bool known =
                std::any_of(stores_.begin(), stores_.end(), [&](const Store& o) { return o.label == label; });
            if (!known) stores_.push_back({label, &s});
        }
    }

    // A group: one sample for each store.
    void gauge(std::string_view name, std::string_view help,
               const std::function<std::int64_t(const Scraped&)>& value) {
        head(name, help);
        for (const Store& s : stores_) sample(name, s, "", value(*s.scraped));
    }

    // The same, for those that could be read.
    void of_status(std::string_view name, std::string_view help,
                   const std::function<std::optional<std::int64_t>(const StatusReport&)>& value,
                   const std::string& labels = {}) {
        bool any = false;
        for (const Store& s : stores_) {
            const auto& status = s.scraped->status;
            const auto v = status ? value(*status) : std::nullopt;
            if (!v) continue;
            if (!any) head(name, help);
            any = true;
            sample(name, s, labels, *v);
        }
    }

    // Of an etcd db each kind of alarm, raised or not.
    void alarms() {
        constexpr std::array<std::string_view, 2> k_types{"NOSPACE", "CORRUPT"};
        bool any = false;
        for (const Store& s : stores_) {
            const auto& status = s.scraped->status;
            if (!status || !status->etcd) continue;
            if (!any) head("alarm", "Whether an alarm of that type is on in the store of an etcd member.");
            any = true;
            for (const std::string_view type : k_types) {
                const auto& on = status->etcd->alarms;
                const bool raised = std::any_of(on.begin(), on.end(),
                                                [&](const EtcdStatus::Alarm& a) { return a.type == type; });
                sample("alarm", s, fmt::format(",type=\"{}\"", type), raised ? 1 : 0);
            }
        }
    }

  private:
    struct Store {
        std::string label;
        const Scraped* scraped;
    };

    void head(std::string_view name, std::string_view help) {
        out_ << "# HELP kvctl_store_" << name << ' ' << help << "\n# TYPE kvctl_store_" << name << " gauge\n";
    }
    void sample(std::string_view name, const Store& s, std::string_view labels, std::int64_t value) {
        out_ << "kvctl_store_" << name << "{path=\"" << s.label << '"' << labels << "} " << value << '\n';
    }

    std::ostream& out_;
    std::vector<Store> stores_;
};

std::int64_t number(std::uint64_t n) noexcept {
    return static_cast<std::int64_t>(n);
}

}  // namespace

void write_prometheus(std::ostream& out, const std::vector<Scraped>& stores, std::uint64_t keep_last,
                      std::int64_t now) {
    using Status = const StatusReport&;
    Writer w(out, stores);
    w.gauge("readable", "Whether kvctl could read the store.",
            [](const Scraped& s) { return s.status ? 1 : 0; });
    w.of_status("file_bytes", "Size of the store's file.",
                [](Status s) { return number(s.store.file_bytes); });
    w.of_status("free_bytes", "Bytes of free pages inside the file.",
                [](Status s) { return number(s.free_bytes); });
    w.of_status("wal_bytes", "Size of the -wal beside an SQLite store.",
                [](Status s) { return number(s.wal_bytes); });
    w.of_status("revision_current", "The current revision.", [](Status s) { return s.current; });
    w.of_status("revision_compacted", "The compact revision; -1 in a store that was never compacted.",
                [](Status s) { return s.compacted; });
    w.of_status("revisions", "Stored revisions, tombstones included.",
                [](Status s) { return number(s.revisions); });
    w.of_status("live_keys", "Keys that are there at the current revision.",
                [](Status s) { return number(s.live_keys); });
    w.of_status("live_bytes", "Bytes of keys and values as they are at the current revision.",
                [](Status s) { return number(s.live_bytes); });
    w.of_status("history_bytes", "Bytes of keys and values of older revisions.",
                [](Status s) { return number(s.history_bytes); });
    w.of_status(
        "predicted_bytes", "Size of the file behind a compaction that keeps so many revisions, and a vacuum.",
        [](Status s) { return s.predicted_bytes ? std::optional(number(*s.predicted_bytes)) : std::nullopt; },
        fmt::format(",keep_last=\"{}\"", keep_last));
    w.alarms();
    w.gauge("scrape_timestamp_seconds", "When kvctl looked, in seconds since 1970.",
            [now](const Scraped&) { return now; });
}

}  // namespace kvctl::report
