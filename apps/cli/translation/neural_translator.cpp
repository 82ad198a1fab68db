#include "apps/cli/translation/neural_translator.h"

#include <algorithm>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "apps/cli/attention/attention_page.h"
#include "apps/cli/attention/model_attention.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/translation/decode_flags.h"
#include "models/registry.h"

namespace langzoo {

namespace {

class NeuralTranslator : public SentenceTranslator {
 public:
  NeuralTranslator(Translator translator, BeamSearchOptions options, std::int64_t batch_size)
      : translator_(std::move(translator)), options_(std::move(options)), batch_size_(batch_size) {}

  const TranslationTokenizers& tokenizers() const override { return translator_.tokenizers; }

  std::int64_t max_source() const override { return max_tokens(*translator_.model); }

  std::vector<Hypotheses> translate(std::span<const std::vector<TokenId>> sources) const override {
    return decode_sources(translator_, sources, options_, batch_size_);
  }

  std::optional<AttentionView> attention_view(std::span<const TokenId> source,
                                              std::span<const TokenId> target) const override {
    auto weights = attention(source, target);
    if (weights.empty()) return std::nullopt;
    auto tokens = tokens_of(source, target);
    return AttentionView{std::move(tokens.source), std::move(tokens.target), std::move(weights)};
  }

  AttentionMaps attention_maps(std::span<const TokenId> source, std::span<const TokenId> target) const override {
    const c10::InferenceMode inference;
    const auto batch = batch_of(source, target);
    const auto tokens = tokens_of(source, target);
    AttentionMaps maps;
    for (const auto& weights : translator_.model->attentions(batch.source, batch.source_lengths, batch.decoder_input,
                                                             AttentionPage::kMostWeights))
      maps.maps.push_back(attention_map(weights, tokens));
    return maps;
  }

  std::optional<AlignmentLinks> align(const SentenceTokens& source, const SentenceTokens& target) const override {
    const auto weights = attention(source.ids, target.ids);
    if (weights.empty()) return std::nullopt;
    return links_of_attention(weights, source.words, target.words);
  }

  std::vector<Figure> figures(const ParallelCorpus& corpus) const override {
    const auto nats = target_nats(*translator_.model, corpus, translator_.special, translator_.device);
    return {{"nats_per_token", "nats per token", nats.per_token()},
            {"perplexity", "perplexity", nats.perplexity()},
            {"tokens", "", nats.tokens}};
  }

 private:
  /// [target][source], the end tokens last; nothing for a model without attention.
  std::vector<std::vector<double>> attention(std::span<const TokenId> source, std::span<const TokenId> target) const {
    const c10::InferenceMode inference;
    const auto batch = batch_of(source, target);
    const auto attention = translator_.model->attention(batch.source, batch.source_lengths, batch.decoder_input);
    std::vector<std::vector<double>> rows;
    if (!attention.defined()) return rows;
    const auto weights = attention[0].to(torch::kCPU, torch::kFloat64).contiguous();  // (T,S)
    for (std::int64_t t = 0; t < weights.size(0); ++t) {
      const auto* row = weights.data_ptr<double>() + t * weights.size(1);
      rows.emplace_back(row, row + weights.size(1));
    }
    return rows;
  }

  ParallelBatch batch_of(std::span<const TokenId> source, std::span<const TokenId> target) const {
    for (const auto side : {source, target}) require_fitting(side, max_source());
    ParallelCorpus corpus;
    corpus.add(source, target);
    return to_device(parallel_batch(corpus, {0}, translator_.special), translator_.device);
  }

  /// The end tokens are the last of source and target.
  AttentionTokens tokens_of(std::span<const TokenId> source, std::span<const TokenId> target) const {
    std::vector<TokenId> read(source.begin(), source.end()), input = {translator_.special.start};
    read.push_back(*translator_.special.source_end);
    input.insert(input.end(), target.begin(), target.end());
    std::vector<TokenId> written(target.begin(), target.end());
    written.push_back(*translator_.special.target_end);
    const auto& target_tokenizer = tokenizers().target();
    return {shown_tokens(tokenizers().source(), read), shown_tokens(target_tokenizer, input),
            shown_tokens(target_tokenizer, written)};
  }

  Translator translator_;
  BeamSearchOptions options_;
  std::int64_t batch_size_;
};

class NeuralTranslation : public TranslationMethod {
 public:
  void add_options(Options& options) override { decoding_.add_to(options); }
  void add_n_best_to(Options& options) override { decoding_.add_n_best_to(options); }
  std::unique_ptr<SentenceTranslator> load(const std::filesystem::path& dir, const ComputeOptions& common) override {
    auto translator = load_and_report(dir, common, [&](const DeviceOptions& device, LoadReport* report) {
      return load_translator(registered_model(dir), dir, device, report);
    });
    auto folder = translator.model->generation_config;
    const auto file = generation_file(folder, dir);
    if (folder.do_sample == true) folder.not_done.emplace_back("do_sample = true");
    folder.do_sample.reset();
    folder.num_return_sequences.reset();
    show_generation_config(folder, file);
    auto options = decoding_.options(folder, translator.model->max_positions());
    try {
      options.check_vocabulary(translator.model->target_vocab_size());
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("{}: {}", file, error.what()));
    }
    return std::make_unique<NeuralTranslator>(std::move(translator), std::move(options), decoding_.batch_size());
  }
  bool has_device() const override { return true; }
  bool has_n_best() const override { return decoding_.has_n_best(); }

  std::string figures_help() const override {
    return "nats_per_token and perplexity (of the true targets), tokens (of the targets, end tokens included)";
  }
  std::string weight_name() const override { return "attention"; }
  std::string align_help() const override {
    return "a target word with the source word it attends to most, unless it attends more to the end";
  }

 private:
  DecodeFlags decoding_;
};

}  // namespace

std::unique_ptr<TranslationMethod> neural_translation() {
  return std::make_unique<NeuralTranslation>();
}

AlignmentLinks links_of_attention(const std::vector<std::vector<double>>& attention, std::span<const int> source_words,
                                  std::span<const int> target_words) {
  const auto count = [](std::span<const int> words) {
    return words.empty() ? 0 : static_cast<std::size_t>(*std::max_element(words.begin(), words.end()) + 1);
  };
  const std::size_t sources = count(source_words), targets = count(target_words);
  // A mean and a sum are largest at the same place. What is in no word comes last.
  std::vector<std::vector<double>> sums(targets, std::vector<double>(sources + 1));
  for (std::size_t t = 0; t < target_words.size(); ++t) {
    if (target_words[t] < 0) continue;
    auto& of_word = sums[static_cast<std::size_t>(target_words[t])];
    for (std::size_t s = 0; s < attention[t].size(); ++s) {
      const bool in_word = s < source_words.size() && source_words[s] >= 0;
      of_word[in_word ? static_cast<std::size_t>(source_words[s]) : sources] += attention[t][s];
    }
  }
  AlignmentLinks links;
  for (std::size_t t = 0; t < targets; ++t) {
    const auto best = static_cast<std::size_t>(std::max_element(sums[t].begin(), sums[t].end()) - sums[t].begin());
    if (best < sources) links.emplace(static_cast<int>(best), static_cast<int>(t));
  }
  return links;
}

}  // namespace langzoo
