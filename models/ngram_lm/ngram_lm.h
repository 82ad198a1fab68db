/// N-gram language models (models/ngram) as model folders, and as language models like the neural ones: sampling, beam
/// search and all else that knows a CausalLm works with them. A folder holds config.json and model.ngram, of a mixture
/// mixture.tsv and a file for each of its models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/causal_lm.h"
#include "models/ngram/ngram_estimator.h"
#include "models/ngram/ngram_mixture.h"
#include "models/pretrained.h"

namespace langzoo {

/// config.json.
struct NGramLmConfig {
  std::string model_type = "ngram";
  std::int64_t vocab_size = kFromTokenizer;
  std::int64_t eos_token_id = NGramVocabulary::kSentenceEnd;
  std::int64_t order = 5;
  std::string smoothing = "modified_kneser_ney";
  double k = NGramOptions().k, backoff_factor = NGramOptions().backoff_factor;
  std::vector<std::int64_t> prune;
  double prune_entropy = 0;
  bool discount_fallback = false;
  std::int64_t mixture = 0;  ///< models in it; 0: none, it is one

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the field and its value.
  void validate() const { check_fields(*this, "n-gram config"); }
  /// But for the memory.
  NGramOptions options() const;
};

/// The smoothing whose scores do not sum to 1: they are no probabilities.
inline constexpr std::string_view kStupidBackoff = "stupid_backoff";

inline constexpr const char* kNGramFile = "model.ngram";

using AnyNGramModel = std::variant<NGramModel, NGramMixture>;

/// A model, or a mixture of several, as a language model like any other. Its end token is "</s>": what follows one
/// stands at the beginning of a sentence, behind "<s>", and so does what follows nothing.
class NGramLmImpl : public torch::nn::Module, public CausalLm {
 public:
  using Config = NGramLmConfig;
  static const PretrainedTraits& pretrained_traits();

  /// One that has counted nothing: all words are as probable.
  explicit NGramLmImpl(const Config& config);
  /// `file`: what the model was mapped from; none: it is in memory.
  NGramLmImpl(const Config& config, AnyNGramModel model, std::filesystem::path file = {});

  /// What a folder holds, mapped. Throws FileError naming file and field for whatever is not as it should be.
  static std::shared_ptr<NGramLmImpl> load(const std::filesystem::path& dir);

  const Config& config() const { return config_; }
  const AnyNGramModel& model() const { return model_; }
  /// What is counted replaces what there was.
  void set_model(NGramModel model, std::filesystem::path file);
  /// ln P of each id but the first, which stands for what is before the text.
  std::vector<double> log_probabilities(std::span<const std::int32_t> ids) const;

  torch::nn::Module& module() override { return *this; }
  void save_pretrained(const std::filesystem::path& dir) const override;
  std::int64_t vocab_size() const override;
  std::int64_t n_positions() const override { return 0; }
  std::vector<std::int32_t> end_tokens() const override;
  std::optional<std::int32_t> prompt_start() const override;
  /// Logarithms of probabilities.
  torch::Tensor logits(const torch::Tensor& ids) override;
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) override;
  std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) override;

 private:
  void adopt();

  Config config_;
  AnyNGramModel model_;
  std::filesystem::path file_;
};
TORCH_MODULE(NGramLm);

}  // namespace langzoo
