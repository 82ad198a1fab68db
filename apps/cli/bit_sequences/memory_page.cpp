#include "apps/cli/bit_sequences/memory_page.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/base/html.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/bit_sequences/memory_assets.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Two hexadecimal digits a value, 0 for `low` and 255 for `high`.
std::string hexadecimal(const torch::Tensor& values, double low, double high) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto flat = values.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* const begin = flat.const_data_ptr<float>();
  std::string text;
  text.reserve(static_cast<std::size_t>(2 * flat.numel()));
  for (const auto* at = begin; at != begin + flat.numel(); ++at) {
    const double share = (*at - low) / (high - low);
    const auto level = share > 0 ? std::lround(std::min(share, 1.0) * 255) : 0;  // not a number: 0
    text += kDigits[level / 16];
    text += kDigits[level % 16];
  }
  return text;
}

}  // namespace

void MemoryPage::require_room(std::size_t values) const {
  if (values_ + values > kMostValues)
    throw std::length_error(fmt::format(
        "a page holds {} values; take shorter sequences, or fewer of them, or a smaller memory", kMostValues));
}

void MemoryPage::add(const MemoryStory& story) {
  std::vector<JsonValue> shown;
  std::size_t values = 0;
  for (const auto& picture : story.pictures) {
    values += static_cast<std::size_t>(picture.values.numel());
    require_room(values);
    shown.push_back({{"title", picture.title},
                     {"about", picture.about},
                     {"right", picture.right},
                     {"rows", picture.values.size(0)},
                     {"low", picture.low},
                     {"high", picture.high},
                     {"values", hexadecimal(picture.values, picture.low, picture.high)}});
  }
  const JsonValue text({{"title", story.title}, {"answer", story.answer_begin}, {"pictures", shown}});
  if (stories_ > 0) json_ += ',';
  json_ += json_for_script(text.text());
  values_ += values;
  ++stories_;
}

std::string MemoryPage::html(const std::string& title, const std::string& subtitle) const {
  HtmlPage page;
  page.title = title;
  page.subtitle = subtitle;
  page.style = kMemoryStyle;
  page.body = fmt::format("{}<script type=\"application/json\" id=\"stories\">[{}]</script>\n<script>\n{}</script>\n",
                          kMemoryBody, json_, kMemoryScript);
  page.footer = "Point at a picture for its values; the line is the same step in all of them. Written by langzoo.";
  return html_page(page);
}

}  // namespace langzoo
