/// JSON before it is parsed: what only its text tells. No other langzoo header.
#pragma once

#include <cstddef>
#include <string_view>

namespace langzoo {

/// Calls visit(position, character) for what stands outside of strings; of text that is no JSON, for some of it.
template <class Visit>
void for_each_outside_strings(std::string_view json, Visit&& visit) {
  bool in_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      visit(at, json[at]);
    } else if (json[at] == '\\') {
      ++at;
    }
  }
}

/// Whether lists and objects are nested more than `most` deep, as no configuration is: what walks through them would
/// not have the stack. To be asked before parsing: nlohmann's parser can bound the depth by a callback, but then looks
/// through a list again at the end of each of its objects.
bool nested_too_deeply(std::string_view json, int most = 100);

}  // namespace langzoo
