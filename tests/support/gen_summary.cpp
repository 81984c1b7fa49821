#include "gen_summary.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

namespace kvctl::gen {

namespace {

constexpr std::uint64_t k_retained = 1000;  ///< what a server leaves below its current revision

}  // namespace

Summary::Summary(const std::vector<double>& shares, std::uint64_t total_rows) : newest_(k_retained + 1) {
    for (const double share : shares) {
        points_.push_back({share, static_cast<std::uint64_t>(share * static_cast<double>(total_rows)), 0, 0});
    }
}

void Summary::row(std::uint64_t revision, unsigned removed) {
    // A share is settled only when the next revision begins: rows of one transaction go together.
    if (revision != current_) {
        for (; next_point_ < points_.size() && removed_ >= points_[next_point_].wanted && current_ != 0;
             ++next_point_) {
            points_[next_point_].revision = current_;
            points_[next_point_].removed = removed_;
        }
    }
    ++rows_;
    current_ = revision;
    removed_ += removed;
    newest_[revision % newest_.size()] = {0, 0, revision, removed_};
}

void Summary::print(std::ostream& out, const Options& options) const {
    const auto at = [](const Point& point) {
        return nlohmann::ordered_json{{"revision", point.revision}, {"removed", point.removed}};
    };
    nlohmann::ordered_json shares = nlohmann::ordered_json::array();
    for (const Point& point : points_) {
        nlohmann::ordered_json one{{"share", point.share}, {"revision", nullptr}, {"removed", nullptr}};
        if (point.revision != 0) {
            one.update(at(point));
        }
        shares.push_back(one);
    }
    nlohmann::ordered_json document{{"layout", options.layout},
                                    {"path", options.path},
                                    {"seed", options.seed},
                                    {"rows", rows_},
                                    {"keys", keys_},
                                    {"key_bytes", key_bytes_},
                                    {"current", current_},
                                    {"file_bytes", std::filesystem::file_size(options.path)},
                                    {"shares", shares},
                                    {"at_current", {{"revision", current_}, {"removed", removed_}}},
                                    {"keep_1000", nullptr}};
    if (current_ > k_retained) {
        document["keep_1000"] = at(newest_[(current_ - k_retained) % newest_.size()]);
    }
    out << document.dump() << '\n';
}

}  // namespace kvctl::gen
