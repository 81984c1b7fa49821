#include "kvctl/dqlite/rescue.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/dqlite/log.hpp"
#include "kvctl/dqlite/mapped.hpp"
#include "kvctl/dqlite/segment.hpp"

namespace kvctl::dqlite {
namespace {

// Hands on the entries of a file, those behind damage too.
class Walk {
  public:
    using Take = std::function<void(std::uint64_t stretch, const SegmentEntry&)>;
    Walk(const Folder& folder, Take take) : folder_(folder), take_(std::move(take)) {}

    // `skip`: so many entries at the beginning are in the state already.
    void file(const std::string& name, std::uint64_t skip) {
        const Mapped mapped(folder_, name);
        read(mapped.bytes(), skip);
        mapped.expect_whole();
    }

  private:
    void read(std::string_view bytes, std::uint64_t skip) {
        if (bytes.size() < 8) return;
        for (std::size_t from = 0;;) {
            ++stretch_;
            SegmentReader reader = from == 0 ? SegmentReader(bytes) : SegmentReader(bytes, from);
            while (reader.next()) {
                check_interrupt();
                for (const SegmentEntry& e : reader.entries()) {
                    if (skip > 0) {
                        --skip;
                        continue;
                    }
                    take_(stretch_, e);
                }
            }
            if (reader.fault().empty()) return;
            // Behind damage nothing tells how many entries are missing: those that follow are all new.
            skip = 0;
            from = find_batch(bytes, reader.offset() + 8);
            if (from == std::string_view::npos) return;
        }
    }
    const Folder& folder_;
    Take take_;
    std::uint64_t stretch_ = 0;
};

// Pages of a transaction wait for the command that commits it; entries keep their bytes while a file is
// walked.
class Transactions {
  public:
    explicit Transactions(const std::function<void(std::uint64_t, const Frames&)>& frames)
        : frames_(frames) {}

    void take(std::uint64_t stretch, const SegmentEntry& e) {
        if (std::exchange(stretch_, stretch) != stretch) waiting_.clear();
        const auto command = e.type == EntryType::command ? decode_command(e.data) : std::nullopt;
        if (!command) return;
        if (std::holds_alternative<Undo>(*command)) waiting_.clear();
        const auto* const f = std::get_if<Frames>(&*command);
        if (f == nullptr) return;
        waiting_.push_back(*f);
        if (!f->commit) return;
        for (const Frames& w : waiting_) frames_(stretch, w);
        waiting_.clear();
    }

  private:
    const std::function<void(std::uint64_t, const Frames&)>& frames_;
    std::uint64_t stretch_ = 0;
    std::vector<Frames> waiting_;
};

template <class F>
void held_still(const Folder& folder, const F& f) {
    try {
        f();
    } catch (const Vanished& v) {
        throw Error(ErrorKind::busy,
                    fmt::format("{}: {} was closed or removed while it was read; stop the node and run again",
                                folder.path, v.name));
    }
}

}  // namespace

void rescue_frames(const Folder& folder, LogIndex applied,
                   const std::function<void(std::uint64_t stretch, const Frames&)>& frames) {
    Transactions transactions(frames);
    Walk walk(folder, [&](std::uint64_t stretch, const SegmentEntry& e) { transactions.take(stretch, e); });
    held_still(folder, [&] {
        for (const ClosedSegment& s : folder.closed) {
            if (s.last <= applied) continue;
            walk.file(s.name, applied >= s.first ? applied.value() + 1 - s.first.value() : 0);
        }
        for (const OpenSegment& s : folder.open) walk.file(s.name, 0);
        for (const OtherFile& f : folder.set_aside) walk.file(f.name, 0);
    });
}

Extent extent_of(const Folder& folder) {
    Extent extent;
    bool numbered = true;
    Walk walk(folder, [&](std::uint64_t, const SegmentEntry& e) {
        extent.term = std::max(extent.term, e.term);
        if (!numbered) ++extent.unnumbered;
    });
    held_still(folder, [&] {
        for (const ClosedSegment& s : folder.closed) {
            extent.closed = std::max(extent.closed, s.last);
            walk.file(s.name, 0);
        }
        numbered = false;
        for (const OpenSegment& s : folder.open) walk.file(s.name, 0);
        for (const OtherFile& f : folder.set_aside) walk.file(f.name, 0);
    });
    return extent;
}

}  // namespace kvctl::dqlite
