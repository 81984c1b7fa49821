#pragma once
#include <ostream>
#include <streambuf>

namespace kvctl::cli {

/// A stream that passes everything on to another one, the first line in bold where colour is wanted.
class BoldFirstLine {
  public:
    BoldFirstLine(std::ostream& out, bool on) : buffer_(out, on), stream_(&buffer_) {}
    BoldFirstLine(const BoldFirstLine&) = delete;
    BoldFirstLine& operator=(const BoldFirstLine&) = delete;
    ~BoldFirstLine() = default;
    [[nodiscard]] std::ostream& stream() noexcept { return stream_; }

  private:
    class Buffer final : public std::streambuf {
      public:
        Buffer(std::ostream& out, bool on);

      protected:
        int_type overflow(int_type c) override;
        std::streamsize xsputn(const char* text, std::streamsize size) override;
        int sync() override;

      private:
        std::ostream& out_;
        bool bold_;
    };
    Buffer buffer_;
    std::ostream stream_;
};

}  // namespace kvctl::cli
