/// Pages that show results: one look for all, in one file that needs nothing else.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace langzoo {

/// `text` as HTML shows it; bytes that are not UTF-8 become U+FFFD, control characters but \n and \t spaces.
std::string html_escaped(const std::string& text);

/// JSON as it may stand inside a script element: no "<" begins an end tag or a comment there.
std::string json_for_script(std::string_view json);

/// CSS: --c0 to --c5, backgrounds of parts of a text that are to be told apart, light or dark.
extern const std::string_view kTextColors;
inline constexpr std::size_t kTextColorCount = 6;

struct HtmlPage {
  std::string title, subtitle;
  std::vector<std::pair<std::string, std::string>> headline;  ///< a few figures in large type: name, value
  std::string style;                                          ///< CSS beside that of every page
  std::string body;                                           ///< HTML below the headline
  std::string footer;
};

/// The text of the page, light or dark as the reader's system is. All but `style` and `body` is escaped here.
std::string html_page(const HtmlPage& page);

}  // namespace langzoo
