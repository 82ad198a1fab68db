#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/noisy_channel/verbs.h"
#include "apps/training/tasks/noisy_channel.h"

namespace langzoo {

namespace {

/// A sentence's channel is looked at as it was trained: the sources given the targets.
class ChannelTranslator : public SentenceTranslator {
 public:
  ChannelTranslator(std::unique_ptr<NoisyChannelTranslator> translator, int n_best)
      : translator_(std::move(translator)), n_best_(n_best) {}

  const TranslationTokenizers& tokenizers() const override { return translator_->tokenizers(); }

  std::vector<Hypotheses> translate(std::span<const std::vector<TokenId>> sources) const override {
    const auto say = [](std::int64_t count, const char* what) {
      if (count > 0) std::cerr << fmt::format("{} unknown to the model: {}\n", counted(count, "token", "tokens"), what);
    };
    const auto unknown = translator_->unknown_tokens(sources);
    say(unknown.copied, "copied");
    say(unknown.left_out, "left out");
    return translator_->translate(sources, n_best_);
  }

  std::string text(const Hypothesis& hypothesis, const std::string& source) const override {
    return translator_->text(hypothesis, source);
  }

  std::optional<AttentionView> attention_view(std::span<const TokenId> source,
                                              std::span<const TokenId> target) const override {
    AttentionView view;
    view.source = shown_tokens(tokenizers().source(), source);
    view.target = shown_tokens(tokenizers().target(), target);
    view.target.emplace_back("NULL");
    view.weights.assign(target.size() + 1, std::vector<double>(source.size()));
    const auto posteriors = translator_->model().channel.posteriors({target, source});
    for (std::size_t s = 0; s < source.size(); ++s) {
      view.weights.back()[s] = posteriors[s].front();
      for (std::size_t t = 0; t < target.size(); ++t) view.weights[t][s] = posteriors[s][t + 1];
    }
    return view;
  }

  std::optional<AlignmentLinks> align(const SentenceTokens& source, const SentenceTokens& target) const override {
    const auto alignment = translator_->model().channel.viterbi({target.ids, source.ids});
    AlignmentLinks links;
    for (std::size_t s = 0; s < alignment.size(); ++s) {
      if (alignment[s] == kUnaligned) continue;
      const int target_word = target.words[static_cast<std::size_t>(alignment[s])];
      if (source.words[s] >= 0 && target_word >= 0) links.emplace(source.words[s], target_word);
    }
    return links;
  }

  std::vector<Figure> figures(const ParallelCorpus& corpus) const override {
    return {{"language_perplexity", "LM perplexity", translator_->language_perplexity(corpus)}};
  }

 private:
  std::unique_ptr<NoisyChannelTranslator> translator_;
  int n_best_;
};

class NoisyChannelTranslation : public TranslationMethod {
 public:
  void add_options(Options& options) override {
    options.add("--num-beams", num_beams_, "hypotheses kept of those that explain equally many words").range(1, kMost);
  }
  void add_n_best_to(Options& options) override {
    options.add("--n-best", n_best_, "translations of each sentence, at most --num-beams").range(1, kMost);
  }

  std::unique_ptr<SentenceTranslator> load(const std::filesystem::path& dir,
                                           const ComputeOptions& /*common*/) override {
    auto translator = load_noisy_channel(dir);
    auto search = translator->model().options;
    if (num_beams_) search.beam = *num_beams_;
    if (n_best_ > search.beam) {
      throw UsageError(fmt::format("--n-best {}: more than --num-beams {}", n_best_, search.beam));
    }
    translator->set_options(search);
    return std::make_unique<ChannelTranslator>(std::move(translator), n_best_);
  }
  bool has_device() const override { return false; }
  bool has_n_best() const override { return n_best_ > 1; }

  std::string figures_help() const override { return "language_perplexity (of the true targets)"; }
  std::string weight_name() const override { return "alignment"; }
  std::string align_help() const override {
    return "a source word with the target words that most probably made its tokens, unless it is NULL that did";
  }

 private:
  static constexpr std::uint64_t kMost = 10'000;
  std::optional<int> num_beams_;
  int n_best_ = 1;
};

}  // namespace

std::unique_ptr<TranslationMethod> noisy_channel_translation() {
  return std::make_unique<NoisyChannelTranslation>();
}

}  // namespace langzoo
