#include "data/tasks/augmentation.h"

#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/random/random.h"
#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo {

void AugmentationOptions::validate() const {
  if (!(replace > 0 && replace <= 1))
    throw std::invalid_argument(
        fmt::format("the share of words to replace is {}, expected above 0, at most 1", replace));
}

std::vector<Offset> word_spans(std::string_view text) {
  std::vector<Offset> spans;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = decode_utf8(text, at);
    const auto end = at + character.length;
    if (character.valid && is_word_character(character.code_point)) {
      if (spans.empty() || spans.back().end != at) spans.push_back({at, at});
      spans.back().end = end;
    }
    at = end;
  }
  return spans;
}

std::vector<std::string> augmented_texts(std::string_view text, const Replacements& replacements,
                                         const AugmentationOptions& options, std::uint64_t seed, std::uint64_t number) {
  options.validate();
  const auto spans = word_spans(text);
  if (spans.empty()) return {};
  const auto choices = replacements(text, spans);
  if (choices.size() != spans.size()) {
    throw std::invalid_argument(fmt::format("{} words, replacements of {}", spans.size(), choices.size()));
  }

  Random random(seed, number);
  std::vector<std::string> texts;
  std::set<std::string> known = {std::string(text)};
  for (std::size_t copy = 0; copy < options.copies; ++copy) {
    std::string made;
    std::size_t done = 0;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (choices[i].empty() || random.uniform() >= options.replace) continue;
      made += text.substr(done, spans[i].begin - done);
      made += choices[i][random.below(choices[i].size())];
      done = spans[i].end;
    }
    made += text.substr(done);
    if (known.insert(made).second) texts.push_back(std::move(made));
  }
  return texts;
}

}  // namespace langzoo
