#pragma once
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/text.hpp"
#include "kvctl/report/html/text.hpp"
#include "kvctl/report/store_report.hpp"

// The parts of a page. Each has a heading, a picture and a table with the picture's numbers. Not installed.
namespace kvctl::report::html {

using Rows = std::vector<std::vector<std::string>>;
using Kind = Column::Kind;

inline constexpr std::size_t k_key_shown = 160;   // characters of a key or prefix
inline constexpr std::size_t k_said_shown = 400;  // of a message

/// To be closed with `</section>`.
void open_section(std::ostream& out, std::string_view id, std::string_view heading);
void write_figure(std::ostream& out, std::string_view caption, const std::function<void()>& picture);

void write_head(std::ostream& out, const StoreReport& report);
void write_size(std::ostream& out, const StoreReport& report);
void write_prefixes(std::ostream& out, const StoreReport& report);
void write_keys(std::ostream& out, const StoreReport& report);
void write_writes(std::ostream& out, const StoreReport& report);
void write_page_map(std::ostream& out, const StoreReport& report);
void write_findings(std::ostream& out, const StoreReport& report);
void write_facts(std::ostream& out, const StoreReport& report);

}  // namespace kvctl::report::html
