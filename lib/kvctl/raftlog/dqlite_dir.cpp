#include "kvctl/raftlog/dqlite_dir.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/dqlite/command.hpp"
#include "kvctl/dqlite/log.hpp"
#include "kvctl/dqlite/mapped.hpp"
#include "kvctl/dqlite/snapshot.hpp"

namespace kvctl::raftlog {
namespace {

using raft::RequestKind;

constexpr std::uint64_t k_entry_header = 16;

RequestKind kind_of(const dqlite::Command& command) {
    if (std::holds_alternative<dqlite::Open>(command)) return RequestKind::open;
    if (std::holds_alternative<dqlite::Frames>(command)) return RequestKind::frames;
    if (std::holds_alternative<dqlite::Undo>(command)) return RequestKind::undo;
    return RequestKind::checkpoint;
}

std::string describe(const dqlite::Command& command) {
    if (const auto* const f = std::get_if<dqlite::Frames>(&command)) {
        return std::to_string(f->pages) + (f->pages == 1 ? " page of " : " pages of ") + escape(f->database) +
               (f->commit ? "" : ", not yet committed");
    }
    if (const auto* const o = std::get_if<dqlite::Open>(&command)) return escape(o->database);
    if (const auto* const c = std::get_if<dqlite::Checkpoint>(&command)) return escape(c->database);
    return {};
}

class DqliteDir final : public Source {
  public:
    DqliteDir(const std::string& path, std::optional<LogIndex> whole) : whole_(whole) {
        header_.kind = SourceKind::dqlite;
        header_.path = path;
        header_.has_data = true;
        look();
    }
    [[nodiscard]] const Header& header() const override { return header_; }

    void each(Want /*want*/, const std::function<bool(const Item&)>& f) override {
        findings_ = folder_.findings;
        findings_.insert(findings_.end(), snapshot_faults_.begin(), snapshot_faults_.end());
        configuration_ = snapshot_configuration_;
        dqlite::tell_left_out(folder_, plan_, header_.snapshot.index, findings_);
        try {
            (void)dqlite::read_log(
                folder_, plan_, [&](const dqlite::LogEntry& e) { return hand_out(e, f); }, findings_);
        } catch (const dqlite::Vanished& v) {
            look();  // for whoever tries again
            throw Error(ErrorKind::busy,
                        fmt::format("{}: {} was removed while it was read: a node runs on it; try again",
                                    header_.path, v.name));
        }
        if (dqlite::voters(configuration_) > 1) findings_.push_back(dqlite::uncommitted_tail(configuration_));
        tell_members();
    }
    [[nodiscard]] Findings findings() const override { return findings_; }

  private:
    void look() {
        folder_ = dqlite::list_folder(header_.path);
        header_.snapshot = {};
        header_.newest_snapshot.reset();
        snapshot_faults_.clear();
        const auto newest =
            std::find_if(folder_.snapshots.rbegin(), folder_.snapshots.rend(),
                         [&](const auto& s) { return s.has_meta && s.bytes > 0 && is_usable(s); });
        if (newest != folder_.snapshots.rend()) {
            header_.snapshot = {newest->index, newest->term};
            // A node takes the newest there is, and where that is broken it does not start.
            if (snapshot_faults_.empty()) header_.newest_snapshot = {newest->index, newest->term};
        }
        plan_ = dqlite::plan_log(folder_, header_.snapshot.index);
    }
    // Both its files are whole; the .meta has the configuration that the entries begin with.
    bool is_usable(const dqlite::SnapshotFile& s) {
        try {
            std::string fault = s.index == whole_ ? "" : dqlite::snapshot_fault(folder_, s);
            const dqlite::Mapped file(folder_, s.name + ".meta");
            auto read = dqlite::decode_snapshot_meta(file.bytes());
            if (!read.meta) fault = fmt::format("{}.meta: {}", folder_.file(s.name), read.fault);
            if (fault.empty()) snapshot_configuration_ = std::move(read.meta->configuration);
            if (!fault.empty())
                snapshot_faults_.push_back({Finding::Severity::error, "snapshot", s.name, fault});
            return fault.empty();
        } catch (const dqlite::Vanished&) {
            return false;
        }
    }
    void tell_members() {
        header_.about.clear();
        for (const dqlite::Member& m : configuration_) {
            header_.about.push_back({Finding::Severity::info, "member", std::to_string(m.id),
                                     fmt::format("{}, {}", escape(m.address), name_of(m.role))});
        }
        for (const dqlite::SnapshotFile& s : folder_.snapshots) {
            header_.about.push_back(
                {Finding::Severity::info, "snapshot", s.name,
                 fmt::format("index {} of term {}, {}", s.index, s.term, many(s.bytes, "byte"))});
        }
    }
    bool hand_out(const dqlite::LogEntry& e, const std::function<bool(const Item&)>& f) {
        Item item;
        item.facts.index = e.index;
        item.facts.term = e.term;
        item.facts.bytes = k_entry_header + (e.data.size() + 7) / 8 * 8;
        item.data = e.data;
        item.data_present = true;
        std::string text;
        switch (e.type) {
            case dqlite::EntryType::barrier:
                item.facts.request = RequestKind::barrier;
                break;
            case dqlite::EntryType::configuration:
                item.facts.type = raft::EntryType::conf_change;
                item.facts.request = RequestKind::configuration;
                if (const auto members = dqlite::decode_configuration(e.data)) {
                    configuration_ = *members;
                    for (const dqlite::Member& m : *members) {
                        text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", m.id, escape(m.address),
                                            name_of(m.role));
                    }
                }
                break;
            case dqlite::EntryType::command: {
                const auto command = dqlite::decode_command(e.data);
                item.facts.request = command ? kind_of(*command) : RequestKind::undecodable;
                if (command) text = describe(*command);
                if (command && std::holds_alternative<dqlite::Frames>(*command))
                    item.pages = std::get<dqlite::Frames>(*command).pages;
                break;
            }
        }
        item.text = text;
        return f(item);
    }
    std::optional<LogIndex> whole_;  // of a snapshot whose data was read already
    dqlite::Folder folder_;
    Header header_;
    Findings snapshot_faults_;  // of those that are newer than the one the log begins behind
    dqlite::LogPlan plan_;
    dqlite::Configuration snapshot_configuration_;
    dqlite::Configuration configuration_;  // of the newest entry that was handed out
    Findings findings_;
};

}  // namespace

std::unique_ptr<Source> open_dqlite_dir(const std::string& path, std::optional<LogIndex> whole) {
    return std::make_unique<DqliteDir>(path, whole);
}

}  // namespace kvctl::raftlog
