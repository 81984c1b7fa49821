#pragma once
#include <string>

namespace kvctl::test {

/// Checks that an HTML page of ours is well formed (every element closed in order, attributes quoted and
/// given once, ids unique), names what it points at, has its landmarks, headings in order and captions, and
/// has no table without a row, needs nothing: no script, no style sheet, picture, font or link from
/// elsewhere.
void check_page(const std::string& page);

}  // namespace kvctl::test
