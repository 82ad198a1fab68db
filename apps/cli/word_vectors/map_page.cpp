#include "apps/cli/word_vectors/map_page.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/html.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/word_vectors/map_assets.h"

namespace langzoo {

namespace {

/// Positions are whole numbers up to this much from the middle: finer than a screen at the greatest zoom.
constexpr double kExtent = 50000;

nlohmann::ordered_json words_json(const std::vector<MapWord>& words) {
  const auto [left, right] =
      std::minmax_element(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  const auto [bottom, top] =
      std::minmax_element(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.y < b.y; });
  auto json = nlohmann::ordered_json::array();
  if (words.empty()) return json;
  const auto middle_x = (left->x + right->x) / 2, middle_y = (bottom->y + top->y) / 2;
  const auto reach = std::max({(right->x - left->x) / 2, (top->y - bottom->y) / 2, 1e-30});
  for (const auto& word : words) {
    auto neighbors = nlohmann::ordered_json::array();
    for (const auto& [other, similarity] : word.neighbors) {
      neighbors.push_back(other);
      neighbors.push_back(std::lround(similarity * 1000));
    }
    json.push_back({valid_utf8(word.text), std::lround((word.x - middle_x) / reach * kExtent),
                    std::lround((middle_y - word.y) / reach * kExtent), std::lround(word.hue),
                    std::lround(word.chroma * 100), std::move(neighbors)});
  }
  return json;
}

}  // namespace

std::string map_page(const WordMap& map) {
  HtmlPage page;
  page.title = map.title;
  page.subtitle = map.subtitle;
  page.style = kMapStyle;
  page.body = fmt::format("{}<script type=\"application/json\" id=\"words\">{}</script>\n<script>\n{}</script>\n",
                          kMapBody, json_for_script(words_json(map.words).dump()), kMapScript);
  page.footer =
      "Drag to move, scroll or pinch to zoom. Point at a word, or tap it, for its nearest neighbours. Written by "
      "langzoo.";
  return html_page(page);
}

}  // namespace langzoo
