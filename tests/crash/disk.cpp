#include "tests/crash/disk.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;

namespace kvctl::crash {
namespace {

constexpr std::size_t k_sector = 512;

}  // namespace

Files read_folder(const std::string& folder) {
    Files files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file())
            files[fs::relative(entry.path(), folder).string()] = test::read_file(entry.path());
    }
    return files;
}

void write_folder(const std::string& folder, const Files& files) {
    for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path());
    for (const auto& [name, content] : files) {
        const fs::path path = fs::path(folder) / name;
        fs::create_directories(path.parent_path());
        test::write_file(path, content);
    }
}

bool holds(const Files& files, const std::string& name) {
    const auto at = files.lower_bound(name + "/");
    return files.contains(name) || (at != files.end() && at->first.starts_with(name + "/"));
}

void erase(Files& files, const std::string& name) {
    std::erase_if(files, [&](const auto& f) { return f.first == name || f.first.starts_with(name + "/"); });
}

std::string fingerprint(const Files& files) {
    std::string all;
    for (const auto& [name, content] : files)
        all += name + '\0' + std::to_string(content.size()) + '\0' +
               std::to_string(std::hash<std::string>{}(content)) + '\n';
    return all;
}

// --- Recorder

Recorder::Recorder(std::string folder, const Files& start) : folder_(std::move(folder)) {
    for (const auto& [name, content] : start) numbers_[inode_of(folder_ + "/" + name)] = next_++;
}

std::string Recorder::name(const std::string& path) const {
    return path.substr(folder_.size() + 1);
}

std::size_t Recorder::number(const Opened& file) {
    const auto [found, is_new] = numbers_.try_emplace(file.inode, next_);
    if (is_new) ++next_;
    return found->second;
}

// An inode number comes again when its file is gone.
void Recorder::created(const Opened& file) {
    numbers_[file.inode] = next_;
    changes_.push_back({Change::Kind::create, next_++, 0, {}, name(file.path), {}, false});
}

void Recorder::wrote(const Opened& file, std::int64_t offset, std::string_view data) {
    changes_.push_back({Change::Kind::write, number(file), offset, std::string(data), {}, {}, false});
}

void Recorder::truncated(const Opened& file, std::int64_t size) {
    changes_.push_back({Change::Kind::truncate, number(file), size, {}, {}, {}, false});
}

void Recorder::synced(const Opened& file, bool with_name) {
    changes_.push_back({Change::Kind::sync, number(file), 0, {}, {}, {}, with_name});
}

void Recorder::renamed(const std::string& from, const std::string& to) {
    changes_.push_back({Change::Kind::rename, 0, 0, {}, name(from), name(to), false});
}

void Recorder::linked(const std::string& from, const std::string& to) {
    changes_.push_back({Change::Kind::link, 0, 0, {}, name(from), name(to), false});
}

void Recorder::removed(const std::string& path) {
    changes_.push_back({Change::Kind::remove, 0, 0, {}, name(path), {}, false});
}

void Recorder::folder_synced() {
    changes_.push_back({Change::Kind::folder_sync, 0, 0, {}, {}, {}, false});
}

// --- Disk

Disk::Disk(const Files& start) {
    std::size_t next = 0;
    for (const auto& [name, content] : start) {
        names_[name] = next;
        contents_[next++] = content;
    }
}

void Disk::change_content(std::string& content, const Change& change) {
    const auto at = static_cast<std::size_t>(change.at);
    if (change.kind == Change::Kind::truncate) {
        content.resize(at);
        return;
    }
    if (content.size() < at + change.data.size()) content.resize(at + change.data.size());
    content.replace(at, change.data.size(), change.data);
}

void Disk::change_names(std::map<std::string, std::size_t>& names, const Change& change) {
    switch (change.kind) {
        case Change::Kind::create:
            names[change.name] = change.file;
            break;
        case Change::Kind::remove:
            names.erase(change.name);
            break;
        case Change::Kind::rename:
        case Change::Kind::link: {
            const auto from = names.find(change.name);
            if (from == names.end()) {
                // Of a directory, whose files go along; or its creation did not arrive.
                std::map<std::string, std::size_t> moved;
                for (const auto& [name, file] : names) {
                    if (name.starts_with(change.name + "/"))
                        moved[change.other + name.substr(change.name.size())] = file;
                }
                std::erase_if(names, [&](const auto& n) { return n.first.starts_with(change.name + "/"); });
                names.merge(moved);
                break;
            }
            const std::size_t file = from->second;
            if (change.kind == Change::Kind::rename) names.erase(from);
            names[change.other] = file;
            break;
        }
        default:
            break;
    }
}

void Disk::apply(const Change& change) {
    const auto names_arrive = [&] {
        for (const Change& c : pending_names_) change_names(names_, c);
        pending_names_.clear();
    };
    switch (change.kind) {
        case Change::Kind::write:
        case Change::Kind::truncate:
            pending_[change.file].push_back(change);
            break;
        case Change::Kind::sync: {
            for (const Change& c : pending_[change.file]) change_content(contents_[change.file], c);
            pending_.erase(change.file);
            if (change.with_name) names_arrive();
            break;
        }
        case Change::Kind::folder_sync:
            names_arrive();
            break;
        case Change::Kind::create:
            contents_[change.file];
            [[fallthrough]];
        default:
            pending_names_.push_back(change);
    }
}

bool Disk::anything_pending() const noexcept {
    return !pending_.empty() || !pending_names_.empty();
}

Files Disk::after_crash(Fate fate, std::mt19937& random) const {
    std::map<std::size_t, std::string> contents = contents_;
    std::map<std::string, std::size_t> names = names_;
    const auto coin = [&] { return (random() & 1U) != 0; };
    if (fate != Fate::nothing) {
        std::size_t first_part = pending_names_.size();
        if (fate == Fate::ordered) first_part = random() % (pending_names_.size() + 1);
        for (std::size_t i = 0; i < first_part; ++i) {
            if (fate != Fate::unordered || coin()) change_names(names, pending_names_[i]);
        }
        for (const auto& [file, changes] : pending_) {
            // Now and then most of it arrives, or hardly anything, or the last write alone.
            const unsigned mood = random() % 4;
            for (std::size_t i = 0; i < changes.size(); ++i) {
                const Change& c = changes[i];
                if (fate == Fate::everything) {
                    change_content(contents[file], c);
                    continue;
                }
                const bool last = i + 1 == changes.size();
                const bool arrives = mood == 0   ? random() % 8 != 0
                                     : mood == 1 ? random() % 8 == 0
                                     : mood == 2 ? last
                                                 : coin();
                if (!arrives) continue;
                if (c.kind == Change::Kind::truncate || c.data.size() <= k_sector || random() % 3 != 0) {
                    change_content(contents[file], c);
                    continue;
                }
                // Torn: sector by sector.
                for (std::size_t at = 0; at < c.data.size();) {
                    const std::size_t n = std::min(
                        c.data.size() - at, k_sector - (static_cast<std::size_t>(c.at) + at) % k_sector);
                    if (coin()) {
                        Change part = c;
                        part.at = c.at + static_cast<std::int64_t>(at);
                        part.data = c.data.substr(at, n);
                        change_content(contents[file], part);
                    }
                    at += n;
                }
            }
        }
    }
    Files files;
    for (const auto& [name, file] : names) files[name] = contents[file];
    return files;
}

}  // namespace kvctl::crash
