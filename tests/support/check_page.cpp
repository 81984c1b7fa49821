#include "tests/support/check_page.hpp"

#include <doctest/doctest.h>

#include <map>
#include <regex>
#include <set>
#include <vector>

namespace kvctl::test {
namespace {

using Attributes = std::map<std::string, std::string>;

struct Tag {
    std::string name;
    bool closes = false;
    bool alone = false;  // <x/>
    Attributes attributes;
};

// The tag whose '<' stands at `at`, which moves behind it.
Tag read_tag(const std::string& page, std::size_t& at) {
    static const std::regex k_tag(
        R"re(<(/?)([a-zA-Z!][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*)\s*(/?)>)re");
    std::smatch m;
    const std::string around = page.substr(at, 120);
    const bool found = std::regex_search(page.cbegin() + static_cast<std::ptrdiff_t>(at), page.cend(), m,
                                         k_tag, std::regex_constants::match_continuous);
    REQUIRE_MESSAGE(found, around);
    Tag tag{m[2], !m[1].str().empty(), !m[4].str().empty(), {}};
    static const std::regex k_attribute(R"re(([a-zA-Z-]+)(?:="([^"]*)")?)re");
    const std::string list = m[3];
    for (auto it = std::sregex_iterator(list.begin(), list.end(), k_attribute); it != std::sregex_iterator();
         ++it)
        CHECK_MESSAGE(tag.attributes.emplace((*it)[1], (*it)[2]).second, around);
    at += static_cast<std::size_t>(m.length(0));
    return tag;
}

bool is_void(const std::string& name) {
    return name == "meta" || name == "br" || name == "!DOCTYPE";
}

class Checker {
  public:
    void run(const std::string& page) {
        for (std::size_t at = 0; (at = page.find('<', at)) != std::string::npos;) {
            const Tag tag = read_tag(page, at);
            CAPTURE(tag.name);
            if (tag.closes) {
                REQUIRE_FALSE(open_.empty());
                CHECK(open_.back() == tag.name);
                open_.pop_back();
                continue;
            }
            note(tag);
            if (tag.alone || is_void(tag.name)) continue;
            open_.push_back(tag.name);
            if (tag.name == "style") at = page.find("</style>", at);
        }
        CHECK(open_.empty());
        for (const std::string& id : named_) {
            CAPTURE(id);
            CHECK(ids_.contains(id));
        }
        for (const std::string landmark : {"header", "nav", "main", "footer", "h1", "title"}) {
            CAPTURE(landmark);
            CHECK(count_[landmark] == 1);
        }
        CHECK(count_["table"] == count_["caption"]);
        CHECK(count_["section"] == count_["h2"]);
        CHECK(count_["script"] + count_["link"] + count_["img"] + count_["iframe"] + count_["object"] == 0);
    }

  private:
    void note(const Tag& tag) {
        // A picture's parts have titles of their own.
        if (tag.name != "title" || open_.back() == "head") ++count_[tag.name];
        for (const auto& [name, value] : tag.attributes) {
            CAPTURE(name);
            CAPTURE(value);
            if (name == "id") CHECK(ids_.insert(value).second);
            if (name == "aria-labelledby") named_.push_back(value);
            if (name == "href") {
                CHECK(value.starts_with('#'));
                named_.push_back(value.substr(1));
            }
            CHECK(name != "src");
            CHECK_FALSE(name.starts_with("on"));
        }
        if (tag.name == "html") CHECK(tag.attributes.contains("lang"));
        if (tag.name == "svg") {
            CHECK(tag.attributes.at("role") == "img");
            CHECK_FALSE(tag.attributes.at("aria-label").empty());
        }
        if (tag.name == "nav") CHECK(tag.attributes.contains("aria-label"));
        if (tag.name == "th") CHECK(tag.attributes.contains("scope"));
        if (tag.name == "div" && tag.attributes.contains("role")) CHECK(tag.attributes.contains("tabindex"));
        if (tag.name.size() == 2 && tag.name[0] == 'h' &&
            std::isdigit(static_cast<unsigned char>(tag.name[1])) != 0) {
            const int level = tag.name[1] - '0';
            CHECK(level <= heading_ + 1);
            heading_ = level;
        }
    }

    std::vector<std::string> open_;
    std::vector<std::string> named_;  // ids that something points at
    std::set<std::string> ids_;
    std::map<std::string, int> count_;
    int heading_ = 0;
};

}  // namespace

void check_page(const std::string& page) {
    Checker().run(page);
    CHECK_MESSAGE(page.find("<tbody>\n</tbody>") == std::string::npos, "a table without a row");
    for (const char* outside : {"http:", "https:", "@import", "url(", "javascript:", "data:"}) {
        CAPTURE(outside);
        CHECK(page.find(outside) == std::string::npos);
    }
}

}  // namespace kvctl::test
