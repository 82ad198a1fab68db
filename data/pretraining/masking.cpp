#include "data/pretraining/masking.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "data/text/causal_lm.h"
#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Neighbouring positions of a sequence, [begin, end), that are masked together or not at all.
struct Span {
  std::size_t begin, end;
};

bool has_letter_or_number(std::string_view piece) {
  for (std::size_t at = 0; at < piece.size();) {
    const auto character = decode_utf8(piece, at);
    if ((unicode_classes(character.code_point) & (unicode_class::kLetter | unicode_class::kNumber)) != 0) return true;
    at += character.length;
  }
  return false;
}

/// Where the phrases that may be chosen end, by where they begin; 0: none does.
std::vector<std::size_t> phrase_ends(std::span<const std::int64_t> ids, std::span<const std::uint8_t> special,
                                     const MaskingVocabulary& vocabulary) {
  std::vector<std::size_t> ends(ids.size(), 0);
  const auto is_border = [&](std::size_t at) {
    return at == ids.size() || special[at] != 0 || vocabulary.beginnings->begins_word(ids[at]);
  };
  for (const auto& match : vocabulary.phrases->longest_matches(ids)) {
    const auto at = [&](std::size_t i) { return special.begin() + static_cast<std::ptrdiff_t>(i); };
    const bool text = std::all_of(at(match.begin), at(match.end), [](std::uint8_t mark) { return mark == 0; });
    if (text && is_border(match.begin) && is_border(match.end)) ends[match.begin] = match.end;
  }
  return ends;
}

/// The tokens that may be chosen, or the words and phrases of them, in their order.
std::vector<Span> candidates_of(std::span<const std::int64_t> ids, std::span<const std::uint8_t> special,
                                const MaskingVocabulary& vocabulary, bool whole_words) {
  const auto* const words = whole_words ? vocabulary.beginnings : nullptr;
  const auto phrases =
      vocabulary.phrases != nullptr ? phrase_ends(ids, special, vocabulary) : std::vector<std::size_t>(ids.size(), 0);
  std::vector<Span> candidates;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (special[i] != 0) continue;
    if (phrases[i] > 0) {
      candidates.push_back({i, phrases[i]});
      i = phrases[i] - 1;
      continue;
    }
    const bool goes_on =
        words != nullptr && !candidates.empty() && candidates.back().end == i && !words->begins_word(ids[i]);
    if (goes_on) {
      ++candidates.back().end;
    } else {
      candidates.push_back({i, i + 1});
    }
  }
  return candidates;
}

/// The candidates in a random order: each next one drawn with probability ~ its weight (Efraimidis and Spirakis 2006:
/// by the logarithm of a uniform number over the weight).
std::vector<std::size_t> weighted_order(std::span<const Span> candidates, std::span<const std::int64_t> ids,
                                        std::span<const float> weights, Random& random) {
  std::vector<std::pair<double, std::size_t>> keys;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto id = static_cast<std::size_t>(ids[candidates[i].begin]);
    if (id >= weights.size()) throw std::invalid_argument(fmt::format("token {} has no weight", id));
    keys.emplace_back(-std::log1p(-random.uniform()) / static_cast<double>(weights[id]), i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::size_t> order;
  for (const auto& [key, i] : keys) order.push_back(i);
  return order;
}

/// How long an n-gram is to be: n up to `most` with probability ~ 1/n.
std::int64_t draw_ngram(std::int64_t most, Random& random) {
  if (most == 1) return 1;
  double sum = 0;
  for (std::int64_t n = 1; n <= most; ++n) sum += 1 / static_cast<double>(n);
  double left = random.uniform() * sum;
  std::int64_t n = 1;
  while (n < most && (left -= 1 / static_cast<double>(n)) >= 0) ++n;
  return n;
}

}  // namespace

WordBeginnings::WordBeginnings(const Tokenizer& tokenizer) : begins_(tokenizer.vocab_size(), true) {
  constexpr std::string_view kContinues = "##";
  constexpr std::string_view kBegins[] = {"▁", "Ġ"};
  std::vector<std::string> tokens(begins_.size());
  std::size_t continuing = 0, beginning[2] = {0, 0};
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokenizer.has_token(static_cast<TokenId>(id))) continue;
    tokens[id] = tokenizer.id_to_token(static_cast<TokenId>(id));
    continuing += tokens[id].size() > kContinues.size() && tokens[id].starts_with(kContinues);
    for (std::size_t k = 0; k < 2; ++k) beginning[k] += tokens[id].starts_with(kBegins[k]);
  }
  const std::size_t k = beginning[1] > beginning[0];
  if (continuing == 0 && beginning[k] == 0) return;
  // A vocabulary may have a few tokens that look like the marks of another kind.
  const bool word_piece = continuing >= beginning[k];
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const auto& token = tokens[id];
    begins_[id] = word_piece ? !(token.size() > kContinues.size() && token.starts_with(kContinues))
                             : token.starts_with(kBegins[k]) || !has_letter_or_number(token);
  }
}

std::vector<float> rarity_weights(std::span<const std::uint64_t> counts, double exponent) {
  std::vector<float> weights;
  for (const auto count : counts) {
    weights.push_back(static_cast<float>(std::pow(static_cast<double>(std::max<std::uint64_t>(1, count)), -exponent)));
  }
  return weights;
}

void MaskingOptions::validate() const {
  const auto check = [](bool holds, const char* field, double value, const char* expected) {
    if (!holds) throw std::invalid_argument(fmt::format("{} is {}, expected {}", field, value, expected));
  };
  check(probability > 0 && probability <= 1, "mask probability", probability, "above 0, at most 1");
  check(most >= 0, "the bound of masked tokens", static_cast<double>(most), "at least 0");
  check(masked >= 0 && masked <= 1, "the share of mask tokens", masked, "0 to 1");
  check(random >= 0 && random <= 1 - masked, "the share of random tokens", random, "0 to what mask tokens leave");
  check(max_ngram >= 1, "max_ngram", static_cast<double>(max_ngram), "at least 1");
}

std::vector<std::int64_t> mask_tokens(std::span<std::int64_t> ids, std::span<const std::uint8_t> special,
                                      const MaskingVocabulary& vocabulary, const MaskingOptions& options,
                                      Random& random) {
  if (special.size() != ids.size()) {
    throw std::invalid_argument(fmt::format("{} tokens, {} marks of special ones", ids.size(), special.size()));
  }
  if ((options.whole_words || vocabulary.phrases != nullptr) && vocabulary.beginnings == nullptr) {
    throw std::invalid_argument("whole words and phrases need to know which tokens begin words");
  }
  std::vector<std::int64_t> labels(ids.size(), kIgnoredTarget);
  const auto candidates = candidates_of(ids, special, vocabulary, options.whole_words);
  auto left = std::max<std::int64_t>(1, std::llrint(options.probability * static_cast<double>(ids.size())));
  if (options.most > 0) left = std::min(left, options.most);

  const bool weighted = !vocabulary.weights.empty();
  auto order = weighted ? weighted_order(candidates, ids, vocabulary.weights, random)
                        : std::vector<std::size_t>(candidates.size());
  if (!weighted) std::iota(order.begin(), order.end(), std::size_t{0});
  const auto chosen = [&](std::size_t candidate) { return labels[candidates[candidate].begin] != kIgnoredTarget; };
  for (std::size_t i = 0; i < order.size() && left > 0; ++i) {
    if (!weighted)
      std::swap(order[i], order[i + random.below(order.size() - i)]);  // Fisher and Yates, as far as needed
    const std::size_t first = order[i];
    if (chosen(first)) continue;
    // As many neighbours as were drawn, if they are there and not chosen, and as the bound allows.
    const std::int64_t wanted = draw_ngram(options.max_ngram, random);
    std::size_t end = first;
    std::int64_t tokens = 0;
    for (std::int64_t n = 0; n < wanted && end < candidates.size(); ++n, ++end) {
      if (n > 0 && (chosen(end) || candidates[end].begin != candidates[end - 1].end)) break;
      const auto size = static_cast<std::int64_t>(candidates[end].end - candidates[end].begin);
      if (tokens + size > left) break;
      tokens += size;
    }
    if (tokens == 0) continue;  // a word longer than what is left
    left -= tokens;
    for (std::size_t at = candidates[first].begin; at < candidates[end - 1].end; ++at) {
      labels[at] = ids[at];
      const double draw = random.uniform();
      if (draw < options.masked) {
        ids[at] = vocabulary.mask;
      } else if (draw < options.masked + options.random) {
        ids[at] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(vocabulary.size)));
      }
    }
  }
  return labels;
}

}  // namespace langzoo
