#include <fmt/format.h>

#include "apps/cli/noisy_channel/decode.h"
#include "apps/cli/noisy_channel/verbs.h"
#include "models/noisy_channel/noisy_channel_model.h"

namespace langzoo {

namespace {

class NoisyChannelTranslator : public SentenceTranslator {
 public:
  NoisyChannelTranslator(NoisyChannelModel model, TranslationTokenizers tokenizers, int n_best, std::size_t threads)
      : model_(std::move(model)),
        tokenizers_(std::move(tokenizers)),
        channel_(model_.channel, model_.language, model_.options),
        n_best_(n_best),
        threads_(threads) {}

  const TranslationTokenizers& tokenizers() const override { return tokenizers_; }

  std::vector<Hypotheses> translate(std::span<const std::vector<TokenId>> sources) const override {
    return decode_sources(channel_, sources, n_best_, threads_);
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

  std::unique_ptr<SentenceTranslator> load(const std::filesystem::path& dir,
                                           const ComputeOptions& common) const override {
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
