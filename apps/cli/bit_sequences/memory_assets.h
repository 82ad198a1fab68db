/// What the memory page is made of beside its values, from the files of the same names.
#pragma once

#include <string_view>

namespace langzoo {

extern const std::string_view kMemoryStyle;   ///< memory_page.css
extern const std::string_view kMemoryBody;    ///< memory_page.html
extern const std::string_view kMemoryScript;  ///< memory_page.js

}  // namespace langzoo
