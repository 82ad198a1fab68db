#include "apps/cli/attention/attention_page.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/attention/attention_assets.h"
#include "apps/cli/base/html.h"

namespace langzoo {

namespace {

/// Two letters a weight, a number of base 64 with 4095 for 1: finer than what a screen tells apart.
std::string encoded(const std::vector<float>& weights) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  text.reserve(2 * weights.size());
  for (const float weight : weights) {
    const auto level = weight > 0 ? std::lround(std::min(weight, 1.0F) * 4095) : 0;  // not a number: 0
    text += kDigits[level / 64];
    text += kDigits[level % 64];
  }
  return text;
}

}  // namespace

void AttentionPage::add(const AttentionMaps& maps) {
  std::vector<JsonValue> shown;
  std::size_t weights = weights_;
  for (const auto& map : maps.maps) {
    if (map.weights.size() != map.layers * map.heads * map.queries.size() * map.keys.size())
      throw std::invalid_argument(fmt::format("attention page: {} has {} weights", map.name, map.weights.size()));
    weights += map.weights.size();
    if (weights > kMostWeights)
      throw std::length_error(
          fmt::format("a page holds {} attention weights; take shorter texts, or fewer of them", kMostWeights));
    shown.push_back({{"title", map.title},
                     {"about", map.about},
                     {"queries", map.queries},
                     {"keys", map.keys},
                     {"layers", map.layers},
                     {"heads", map.heads},
                     {"weights", encoded(map.weights)}});
  }
  const JsonValue text({{"title", maps.title}, {"maps", shown}});
  if (texts_ > 0) json_ += ',';
  json_ += json_for_script(text.text());
  weights_ = weights;
  ++texts_;
}

std::string AttentionPage::html(const std::string& title, const std::string& subtitle) const {
  HtmlPage page;
  page.title = title;
  page.subtitle = subtitle;
  page.style = kAttentionStyle;
  page.body = fmt::format("{}<script type=\"application/json\" id=\"texts\">[{}]</script>\n<script>\n{}</script>\n",
                          kAttentionBody, json_, kAttentionScript);
  page.footer =
      "Point at a token, or tap it, to see where it looks and what looks at it; Escape lets go. Written by langzoo.";
  return html_page(page);
}

}  // namespace langzoo
