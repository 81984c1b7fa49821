#include "kvctl/jobs/new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "kvctl/base/error.hpp"
#include "kvctl/base/fd_buffer.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::jobs {

struct NewFile::Parts {
    int fd;
    FdBuffer buffer;
    std::ostream out;
    explicit Parts(int descriptor) : fd(descriptor), buffer(descriptor), out(&buffer) {}
};

NewFile::NewFile(std::string path) : path_(std::move(path)) {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        throw Error(ErrorKind::refused, path_ + ": exists already and is never overwritten");
    }
    if (fd < 0) throw io_error(path_, "cannot create", errno);
    parts_ = std::make_unique<Parts>(fd);
}

NewFile::~NewFile() {
    if (!committed_) ::unlink(path_.c_str());
    ::close(parts_->fd);
}

std::ostream& NewFile::stream() {
    return parts_->out;
}

void NewFile::commit() {
    parts_->out.flush();
    if (!parts_->out) throw io_error(path_, "cannot write", parts_->buffer.error());
    if (::fsync(parts_->fd) != 0) throw io_error(path_, "cannot sync", errno);
    store::sync_folder(store::folder_of(path_));
    committed_ = true;
}

struct PublishedFile::Parts {
    store::TempFile file;
    FdBuffer buffer;
    std::ostream out;
    explicit Parts(const std::string& path) : file(path), buffer(file.descriptor()), out(&buffer) {}
};

PublishedFile::PublishedFile(std::string path, Over over) : path_(std::move(path)), over_(over) {
    if (over_ == Over::nothing) {
        store::expect_new(path_);
        parts_ = std::make_unique<Parts>(path_);
        return;
    }
    struct stat st {};
    const bool there = ::lstat(path_.c_str(), &st) == 0;
    if (there && !S_ISREG(st.st_mode))
        throw Error(ErrorKind::refused, path_ + ": is no ordinary file and is not replaced");
    store::TempFile::remove_abandoned(path_);
    parts_ = std::make_unique<Parts>(path_);
    if (there) {
        parts_->file.take_identity_of(path_);
        return;
    }
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(parts_->file.descriptor(), 0666 & ~mask) != 0)
        throw io_error(path_, "cannot set its mode", errno);
}

PublishedFile::~PublishedFile() = default;

std::ostream& PublishedFile::stream() {
    return parts_->out;
}

void PublishedFile::commit() {
    parts_->out.flush();
    if (!parts_->out) throw io_error(path_, "cannot write", parts_->buffer.error());
    parts_->file.sync();
    if (over_ == Over::older) {
        parts_->file.publish_over(path_);
    } else {
        parts_->file.publish_as_new(path_);
    }
}

}  // namespace kvctl::jobs
