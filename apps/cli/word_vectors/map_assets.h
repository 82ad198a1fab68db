/// What the word map's page is made of beside its words, from the files of the same names.
#pragma once

#include <string_view>

namespace langzoo {

extern const std::string_view kMapStyle;   ///< map_page.css
extern const std::string_view kMapBody;    ///< map_page.html
extern const std::string_view kMapScript;  ///< map_page.js

}  // namespace langzoo
