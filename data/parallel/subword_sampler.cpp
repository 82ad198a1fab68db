#include "data/parallel/subword_sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

#include "data/random/random.h"

namespace langzoo {

namespace {

/// The ids of `text` alone, as Tokenizer::encode(text, ids) gives them where `sampling` leaves nothing to chance.
std::vector<TokenId> sampled_ids(const Tokenizer& tokenizer, std::string_view text, SubwordSampling sampling) {
  EncodeOptions options;
  options.add_special_tokens = options.own_truncation = options.own_padding = false;
  options.sampling = &sampling;
  return tokenizer.encode(text, options).ids;
}

enum class Kind { kFixed, kBpe, kUnigram };

/// A tokenizer is of the kind whose setting changes what it gives: some of the corpus's texts tell.
Kind kind_of(const Tokenizer& tokenizer, std::int64_t texts,
             const std::function<std::string_view(std::int64_t)>& text) {
  constexpr std::int64_t kTold = 100;
  // A BPE without dropout is the plain one, and what is still random then is a Unigram.
  for (const auto& [kind, dropout] : {std::pair(Kind::kUnigram, 0.0), std::pair(Kind::kBpe, 1.0)}) {
    for (std::int64_t i = 0; i < std::min(texts, kTold); ++i) {
      std::vector<TokenId> plain;
      tokenizer.encode(text(i), plain);
      if (sampled_ids(tokenizer, text(i), {.bpe_dropout = dropout, .unigram_alpha = 0}) != plain) return kind;
    }
  }
  return Kind::kFixed;
}

}  // namespace

SubwordSampler::SubwordSampler(const ParallelCorpus& corpus, const Tokenizer& source, const Tokenizer& target,
                               const SubwordSamplerOptions& options)
    : corpus_(corpus),
      options_(options),
      source_{&source, false, options.max_source},
      target_{&target, false, options.max_target} {
  if (!(options.bpe_dropout >= 0 && options.bpe_dropout <= 1)) {
    throw std::invalid_argument(fmt::format("bpe_dropout is {}, not a probability", options.bpe_dropout));
  }
  if (!(options.unigram_alpha >= 0) || !std::isfinite(options.unigram_alpha)) {
    throw std::invalid_argument(fmt::format("unigram_alpha is {}, not a number from 0 on", options.unigram_alpha));
  }
  if (!corpus.has_texts()) throw std::invalid_argument("segmentations are drawn of a corpus that has its texts");
  const Kind kinds[] = {
      kind_of(source, corpus.size(), [&](std::int64_t i) { return corpus.source_text(i); }),
      kind_of(target, corpus.size(), [&](std::int64_t i) { return corpus.target_text(i); }),
  };
  const auto refuse_unused = [&](bool asked, Kind kind, const char* option, const char* name) {
    if (!asked || std::count(std::begin(kinds), std::end(kinds), kind) > 0) return;
    throw std::invalid_argument(fmt::format("{}: neither side's tokenizer is a {}", option, name));
  };
  refuse_unused(options.bpe_dropout > 0, Kind::kBpe, "bpe_dropout", "BPE");
  refuse_unused(options.unigram_alpha > 0, Kind::kUnigram, "unigram_alpha", "Unigram");
  const auto random = [&](Kind kind) {
    return (kind == Kind::kBpe && options.bpe_dropout > 0) || (kind == Kind::kUnigram && options.unigram_alpha > 0);
  };
  source_.random = random(kinds[0]);
  target_.random = random(kinds[1]);
}

ParallelCorpus SubwordSampler::draw(std::span<const std::int64_t> pairs, std::int64_t epoch) const {
  ParallelCorpus drawn;
  for (const auto pair : pairs) {
    Random random(mix_bits(options_.seed + mix_bits(static_cast<std::uint64_t>(epoch))),
                  static_cast<std::uint64_t>(pair));
    const auto of_source = random.next(), of_target = random.next();
    drawn.add(draw(source_, corpus_.source_text(pair), corpus_.source(pair), of_source),
              draw(target_, corpus_.target_text(pair), corpus_.target(pair), of_target));
  }
  return drawn;
}

std::vector<TokenId> SubwordSampler::draw(const Side& side, std::string_view text, std::span<const TokenId> ids,
                                          std::uint64_t state) const {
  if (side.random) {
    auto drawn =
        sampled_ids(*side.tokenizer, text,
                    {.bpe_dropout = options_.bpe_dropout, .unigram_alpha = options_.unigram_alpha, .state = state});
    if (side.most == 0 || std::ssize(drawn) <= side.most) return drawn;
  }
  return {ids.begin(), ids.end()};
}

}  // namespace langzoo
