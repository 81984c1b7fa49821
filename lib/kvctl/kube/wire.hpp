#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kvctl/base/proto.hpp"

namespace kvctl::kube {

/// How deep messages may nest; none of Kubernetes' own comes near it.
inline constexpr int k_deepest_message = 128;

/// A field as it stands in a message.
struct WireField {
    std::uint32_t number = 0;
    int wire_type = 0;
    std::uint64_t value = 0;
    std::string_view bytes;
};

/// The fields of messages within messages, ascending by number, those of one number in the order in which
/// they stand. A stack: what a message takes it gives back when the Frame ends.
class WireStack {
  public:
    class Frame {
      public:
        Frame(WireStack& stack, std::string_view message) : stack_(stack), begin_(stack.fields_.size()) {
            proto::Reader reader(message);
            bool ascending = true;
            while (reader.next()) {
                ascending = ascending &&
                            (stack.fields_.size() == begin_ || stack.fields_.back().number <= reader.field());
                stack.fields_.push_back(
                    {reader.field(), reader.wire_type(), reader.number(), reader.bytes()});
            }
            bad_ = reader.bad();
            end_ = stack.fields_.size();
            in_order_ = ascending;
            if (ascending) return;
            std::stable_sort(stack.fields_.begin() + static_cast<std::ptrdiff_t>(begin_), stack.fields_.end(),
                             [](const WireField& a, const WireField& b) { return a.number < b.number; });
        }
        ~Frame() { stack_.fields_.resize(begin_); }
        Frame(const Frame&) = delete;
        Frame& operator=(const Frame&) = delete;

        [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
        /// Valid until the next message is taken apart.
        [[nodiscard]] const WireField& operator[](std::size_t i) const { return stack_.fields_[begin_ + i]; }
        /// One past the last field with the number of the one at `i`.
        [[nodiscard]] std::size_t group_end(std::size_t i) const {
            const std::uint32_t number = (*this)[i].number;
            while (i < size() && (*this)[i].number == number) ++i;
            return i;
        }
        [[nodiscard]] bool bad() const noexcept { return bad_; }
        /// The fields stood in the message as they do here.
        [[nodiscard]] bool in_order() const noexcept { return in_order_; }

      private:
        WireStack& stack_;
        std::size_t begin_;
        std::size_t end_ = 0;
        bool bad_ = false;
        bool in_order_ = true;
    };

  private:
    std::vector<WireField> fields_;
};

}  // namespace kvctl::kube
