#pragma once
#include <sys/types.h>

#include <string>

namespace kvctl::crash {

/// Another process that opens a store while a run works on it, writes rows into it, and is killed. It waits
/// for a lock as a server does: what is not to be had yet is tried again at the next call. It knows nothing
/// of the watcher. What it did stays known when the process that gave it orders was killed.
class Visitor {
  public:
    /// Of bbolt it is a server that has the lock for as long as it lives and commits by its metas: what it
    /// counts up is the sequence of the root bucket.
    enum class Layout { native, kine, bbolt };
    /// What it has seen and done. Lies in memory that all processes of the harness share.
    struct Notes {
        int acknowledged = 0;  ///< rows /late/0 to here minus one were committed
        int refused = 0;       ///< it could not open the store or write, and not for a lock
        bool open = false;     ///< it has the store open; after a refusal it opens it anew
        bool killed = false;
        // Of the run it visits, as whoever gives the orders saw it:
        bool looked = false;   ///< the run has looked who else has the store open, before any rename
        bool renamed = false;  ///< a new file has the store's name
        bool spoiled = false;  ///< the old file cannot be opened any more
        bool unseen = false;   ///< it opened the file that is now replaced behind the look
    };

    /// Begins the process, which does nothing yet. With `reads` it reads once it has opened the store, as a
    /// server does that is idle now; without, it has only a descriptor.
    Visitor(const std::string& store, Layout layout, bool reads);
    ~Visitor();
    Visitor(const Visitor&) = delete;
    Visitor& operator=(const Visitor&) = delete;

    void open();
    /// Opens the store where it is not open, and tries to write a row.
    void write();
    /// Kills it, without a chance to close anything.
    void kill();

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] Notes& notes() noexcept { return *notes_; }

  private:
    void order(char what);
    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    Notes* notes_ = nullptr;
};

}  // namespace kvctl::crash
