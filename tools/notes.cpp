#include "tools/notes.hpp"

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::cli {
void write_notes(const report::Notes& notes, const std::string& path, const Output& output, Io& io) {
    if (output.format != Format::text || output.quiet) return;
    report::TextStyle style;
    style.color = output.color_messages;
    const auto line = [&](const std::string& word, const std::string& text) {
        const report::Meaning meaning = word == "error"     ? report::Meaning::bad
                                        : word == "warning" ? report::Meaning::caution
                                                            : report::Meaning::aside;
        const bool named = path.empty() || text.starts_with(path);
        io.err << "kvctl: " << report::paint(style, meaning, word + ":") << " "
               << printable((named ? "" : path + ": ") + text) << '\n';
    };
    for (const std::string& w : notes.warnings) line("warning", w);
    for (const Finding& f : notes.findings) {
        line(word_of(f.severity),
             fmt::format("{}: {}{}", f.code, f.where.empty() ? "" : f.where + ": ", f.what));
    }
}

}  // namespace kvctl::cli
