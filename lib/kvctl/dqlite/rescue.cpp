#include "kvctl/dqlite/rescue.hpp"

#include "kvctl/base/interrupt.hpp"
#include "kvctl/dqlite/mapped.hpp"
#include "kvctl/dqlite/segment.hpp"

namespace kvctl::dqlite {
namespace {

class Walk {
  public:
    Walk(const Folder& folder, const std::function<void(std::uint64_t, const Frames&)>& frames)
        : folder_(folder), frames_(frames) {}

    // `skip`: so many entries at the beginning are in the state already.
    void file(const std::string& name, std::uint64_t skip) {
        const Mapped mapped(folder_, name);
        std::string_view bytes = mapped.bytes();
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
                    take(e);
                }
            }
            if (reader.fault().empty()) return;
            // Behind damage nothing tells how many entries are missing: those that follow are all new.
            skip = 0;
            from = find_batch(bytes, reader.offset() + 8);
            if (from == std::string_view::npos) return;
        }
    }

  private:
    void take(const SegmentEntry& e) {
        if (e.type != EntryType::command) return;
        const auto command = decode_command(e.data);
        if (!command) return;
        if (const auto* const f = std::get_if<Frames>(&*command)) frames_(stretch_, *f);
    }
    const Folder& folder_;
    const std::function<void(std::uint64_t, const Frames&)>& frames_;
    std::uint64_t stretch_ = 0;
};

}  // namespace

void rescue_frames(const Folder& folder, LogIndex applied,
                   const std::function<void(std::uint64_t, const Frames&)>& frames) {
    Walk walk(folder, frames);
    for (const ClosedSegment& s : folder.closed) {
        if (s.last <= applied) continue;
        walk.file(s.name, applied >= s.first ? applied.value() + 1 - s.first.value() : 0);
    }
    for (const OpenSegment& s : folder.open) walk.file(s.name, 0);
    for (const OtherFile& f : folder.set_aside) walk.file(f.name, 0);
}

}  // namespace kvctl::dqlite
