#include "apps/cli/attention/attention_maps.h"

#include <cmath>

#include <fmt/format.h>

namespace langzoo {

namespace {

JsonValue weights_json(const AttentionMap& map) {
  const std::size_t sizes[] = {map.layers, map.heads, map.queries.size(), map.keys.size()};
  std::string text;
  const float* next = map.weights.data();
  const auto list = [&](const auto& self, std::size_t depth) -> void {
    for (std::size_t i = 0; i < sizes[depth]; ++i) {
      text += i == 0 ? '[' : ',';
      if (depth < 3) {
        self(self, depth + 1);
      } else {
        text += std::isfinite(*next) ? fmt::format("{}", *next) : "null";
        ++next;
      }
    }
    text += sizes[depth] == 0 ? "[]" : "]";
  };
  list(list, 0);
  return JsonValue::from_text(std::move(text));
}

}  // namespace

JsonValue to_json(const AttentionMaps& maps) {
  JsonMembers members;
  for (const auto& map : maps.maps)
    members.push_back({map.name, {{"queries", map.queries}, {"keys", map.keys}, {"weights", weights_json(map)}}});
  return members;
}

}  // namespace langzoo
