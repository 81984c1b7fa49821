#include "kvctl/jobs/new_file.hpp"

#include <fcntl.h>
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

}  // namespace kvctl::jobs
