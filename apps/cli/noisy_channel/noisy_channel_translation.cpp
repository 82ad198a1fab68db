#include <algorithm>
#include <cctype>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/noisy_channel/decode.h"
#include "apps/cli/noisy_channel/verbs.h"
#include "models/noisy_channel/noisy_channel_model.h"

namespace langzoo {

namespace {

/// What an unknown token of a source becomes: its text in the target's tokens, or where its text is not known the
/// target's unknown token.
std::vector<TokenId> copied_token(const TranslationTokenizers& tokenizers, TokenId id) {
  std::vector<TokenId> ids;
  if (id != tokenizers.source().special_tokens().unk) {
    tokenizers.target().encode(tokenizers.source().decode(std::span(&id, 1)), ids);
  }
  const auto unk = tokenizers.target().special_tokens().unk;
  if (ids.empty() && unk) ids.push_back(*unk);
  return ids;
}

class NoisyChannelTranslator : public SentenceTranslator {
 public:
  NoisyChannelTranslator(NoisyChannelModel model, TranslationTokenizers tokenizers, int n_best, std::size_t threads)
      : model_(std::move(model)),
        tokenizers_(std::move(tokenizers)),
        channel_(model_.channel, model_.language, model_.options,
                 [this](TokenId id) { return copied_token(tokenizers_, id); }),
        n_best_(n_best),
        threads_(threads) {}

  NoisyChannelTranslator(const NoisyChannelTranslator&) = delete;
  NoisyChannelTranslator& operator=(const NoisyChannelTranslator&) = delete;

  const TranslationTokenizers& tokenizers() const override { return tokenizers_; }

  std::vector<Hypotheses> translate(std::span<const std::vector<TokenId>> sources) const override {
    std::int64_t copied = 0, left_out = 0;
    for (const auto& source : sources) {
      for (const TokenId id : source) {
        if (!channel_.knows(id)) ++(copied_token(tokenizers_, id).empty() ? left_out : copied);
      }
    }
    const auto say = [](std::int64_t count, const char* what) {
      if (count > 0) std::cerr << fmt::format("{} unknown to the model: {}\n", counted(count, "token", "tokens"), what);
    };
    say(copied, "copied");
    say(left_out, "left out");
    return decode_sources(channel_, sources, n_best_, threads_);
  }

  /// Which unknown token of the source became which of the translation is not known: they are taken in order.
  std::string text(const Hypothesis& hypothesis, const std::string& source) const override {
    const auto& target = tokenizers_.target();
    const auto unk = target.special_tokens().unk;
    std::vector<TokenId> known;
    std::vector<std::size_t> places;  ///< of unknown words in the text of the others
    for (const TokenId id : hypothesis.ids) {
      if (id == unk) {
        places.push_back(target.decode(known, true).size());
      } else {
        known.push_back(id);
      }
    }
    auto text = target.decode(known, true);
    auto words = copied_words(source);
    words.resize(places.size(), target.id_to_token(unk.value_or(0)));
    for (std::size_t i = places.size(); i-- > 0;) {
      const auto at = std::min(places[i], text.size());
      const bool before_word = at < text.size() && !std::ispunct(static_cast<unsigned char>(text[at]));
      text.insert(at, (at > 0 ? " " : "") + words[i] + (at == 0 && before_word ? " " : ""));
    }
    return text;
  }

  std::optional<AttentionView> attention_view(std::span<const TokenId> source,
                                              std::span<const TokenId> target) const override {
    AttentionView view;
    view.source = shown_tokens(tokenizers_.source(), source);
    view.target = shown_tokens(tokenizers_.target(), target);
    view.target.emplace_back("NULL");
    view.weights.assign(target.size() + 1, std::vector<double>(source.size()));
    const auto posteriors = model_.channel.posteriors({target, source});
    for (std::size_t s = 0; s < source.size(); ++s) {
      view.weights.back()[s] = posteriors[s].front();
      for (std::size_t t = 0; t < target.size(); ++t) view.weights[t][s] = posteriors[s][t + 1];
    }
    return view;
  }

  std::optional<AlignmentLinks> align(const SentenceTokens& source, const SentenceTokens& target) const override {
    const auto alignment = model_.channel.viterbi({target.ids, source.ids});
    AlignmentLinks links;
    for (std::size_t s = 0; s < alignment.size(); ++s) {
      if (alignment[s] == kUnaligned) continue;
      const int target_word = target.words[static_cast<std::size_t>(alignment[s])];
      if (source.words[s] >= 0 && target_word >= 0) links.emplace(source.words[s], target_word);
    }
    return links;
  }

  std::vector<Figure> figures(const ParallelCorpus& corpus) const override {
    std::vector<std::span<const TokenId>> targets;
    for (std::int64_t i = 0; i < corpus.size(); ++i) targets.push_back(corpus.target(i));
    return {{"language_perplexity", "LM perplexity", model_.language.perplexity(targets)}};
  }

 private:
  /// The words of the source that its translation has unknown tokens for.
  std::vector<std::string> copied_words(const std::string& source) const {
    std::vector<std::string> words;
    const auto unk = tokenizers_.target().special_tokens().unk;
    if (!unk) return words;
    const auto encoding = tokenizers_.source().encode(source, {.add_special_tokens = false});
    for (std::size_t i = 0; i < encoding.size(); ++i) {
      if (channel_.knows(encoding.ids[i])) continue;
      const auto copy = copied_token(tokenizers_, encoding.ids[i]);
      if (std::find(copy.begin(), copy.end(), *unk) == copy.end()) continue;
      const auto& [begin, end] = encoding.offsets[i];
      const auto word = word_ranges(source.substr(begin, end - begin));
      words.push_back(
          word.empty() ? "" : source.substr(begin + word.front().first, word.back().second - word.front().first));
    }
    return words;
  }

  NoisyChannelModel model_;
  TranslationTokenizers tokenizers_;
  NoisyChannel channel_;
  int n_best_;
  std::size_t threads_;
};

class NoisyChannelTranslation : public TranslationMethod {
 public:
  void add_options(Options& options) override {
    constexpr std::uint64_t kMost = 10'000;
    options.add("--num-beams", num_beams_, "hypotheses kept of those that explain equally many words").range(1, kMost);
    options.add("--n-best", n_best_, "translations of each sentence, at most --num-beams").range(1, kMost);
  }

  std::unique_ptr<SentenceTranslator> load(const std::filesystem::path& dir, const ComputeOptions& common) override {
    auto model = NoisyChannelModel::load(dir);
    if (num_beams_) model.options.beam = *num_beams_;
    if (n_best_ > model.options.beam) {
      throw UsageError(fmt::format("--n-best {}: more than --num-beams {}", n_best_, model.options.beam));
    }
    auto tokenizers = TranslationTokenizers::load(dir);
    check_vocabulary(dir, "source", tokenizers.source(), model.source_vocab_size);
    check_vocabulary(dir, "target", tokenizers.target(), model.language.vocabulary());
    return std::make_unique<NoisyChannelTranslator>(std::move(model), std::move(tokenizers), n_best_,
                                                    threads_of(common));
  }
  bool has_device() const override { return false; }
  bool has_n_best() const override { return n_best_ > 1; }

  std::string figures_help() const override { return "language_perplexity (of the true targets)"; }
  std::string weight_name() const override { return "alignment"; }
  std::string align_help() const override {
    return "a source word with the target words that most probably made its tokens, unless it is NULL that did";
  }

 private:
  std::optional<int> num_beams_;
  int n_best_ = 1;
};

}  // namespace

std::unique_ptr<TranslationMethod> noisy_channel_translation() {
  return std::make_unique<NoisyChannelTranslation>();
}

}  // namespace langzoo
