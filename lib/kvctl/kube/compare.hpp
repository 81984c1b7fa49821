#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "kvctl/kube/object.hpp"
#include "kvctl/kube/schema.hpp"
#include "kvctl/kube/wire.hpp"

namespace kvctl::kube {

/// A field that differs between two revisions of an object. Views, valid during the call.
struct Change {
    /// "spec.replicas", "status.conditions[type=Ready].lastHeartbeatTime", "metadata.annotations.x"; list
    /// items by their merge key where they have one, else "[]"; "#17" where the tables know no name.
    std::string_view path;
    /// A time that was there before and is another one now, or how often an Event was seen.
    bool heartbeat = false;
    std::string_view before;  ///< as written, where both are JSON; else empty
    std::string_view after;
};
using ChangeSink = std::function<void(const Change&)>;

enum class Verdict {
    no_op,      ///< nothing but resourceVersion and the times of managedFields
    heartbeat,  ///< besides that only times, and how often an Event was seen
    change,
};

/// Compares the content of objects, never their bytes: what is empty and what is missing, blanks in JSON, the
/// order of a map and other ways to write a quantity make no difference. To be kept for many comparisons.
class Comparer {
  public:
    /// Calls `sink` for each changed field, but never for resourceVersion and managedFields. What cannot be
    /// read as an object is compared as bytes, a change of the whole: its path is empty.
    Verdict compare(const Object& before, const Object& after, const ChangeSink& sink);

    /// Of two JSON texts.
    Verdict compare_json(std::string_view before, std::string_view after, const ChangeSink& sink);

  private:
    class Protobuf;
    class Json;
    class Path {
      public:
        /// Appends a part and takes it back when it ends.
        class Part {
          public:
            Part(Path& path, std::string_view name) : path_(path), size_(path.text_.size()) {
                if (!path.text_.empty()) path.text_ += '.';
                path.text_ += name;
            }
            explicit Part(Path& path) : path_(path), size_(path.text_.size()) {}
            ~Part() { path_.text_.resize(size_); }
            Part(const Part&) = delete;
            Part& operator=(const Part&) = delete;

          private:
            Path& path_;
            std::size_t size_;
        };
        void item(std::string_view merge_key, std::string_view value) {
            text_.append("[")
                .append(merge_key)
                .append(merge_key.empty() ? "" : "=")
                .append(value)
                .append("]");
        }
        [[nodiscard]] const std::string& text() const noexcept { return text_; }
        void clear() { text_.clear(); }

      private:
        std::string text_;
    };

    void report(bool heartbeat, std::string_view before = {}, std::string_view after = {});
    [[nodiscard]] Verdict verdict(bool managers_same) const noexcept;
    [[nodiscard]] const Message* message_of(const Object& object);

    Path path_;
    const ChangeSink* sink_ = nullptr;
    bool event_ = false;
    std::size_t changes_ = 0;
    std::size_t heartbeats_ = 0;
    std::string last_version_;
    std::string last_kind_;
    const Message* last_message_ = nullptr;
    WireStack before_;
    WireStack after_;
};

/// Whether the managers are the same and own the same fields, whenever they wrote.
[[nodiscard]] bool same_managers(const Object& before, const Object& after);

/// Whether two JSON texts have the same content.
[[nodiscard]] bool same_json(std::string_view a, std::string_view b);

}  // namespace kvctl::kube
