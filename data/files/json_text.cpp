#include "data/files/json_text.h"

#include <algorithm>

namespace langzoo {

bool nested_too_deeply(std::string_view json, int most) {
  int depth = 0, deepest = 0;
  for_each_outside_strings(json, [&](std::size_t, char c) {
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if (c == '}' || c == ']') --depth;
  });
  return deepest > most;
}

}  // namespace langzoo
