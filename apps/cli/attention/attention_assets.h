/// What the attention page is made of beside its weights, from the files of the same names.
#pragma once

#include <string_view>

namespace langzoo {

extern const std::string_view kAttentionStyle;   ///< attention_page.css
extern const std::string_view kAttentionBody;    ///< attention_page.html
extern const std::string_view kAttentionScript;  ///< attention_page.js

}  // namespace langzoo
