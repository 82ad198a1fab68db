/// Text as a terminal can show it: nothing invisible, nothing that moves the cursor, and how wide it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace langzoo {

/// `text` with what cannot be seen made visible: a space as "·", tab "→", line feed "⏎", other white space "␣",
/// control characters and those that turn the direction of writing as "<U+202E>", a combining mark that begins the text
/// on a dotted circle, bytes that are not UTF-8 as "<FF>".
std::string visible_text(std::string_view text);

/// The cells of a terminal that UTF-8 `text` takes, which has no control characters.
std::size_t display_width(std::string_view text);

}  // namespace langzoo
