#include "models/gpt/gpt_heads.h"

#include <stdexcept>

#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

void GptHeadFields::for_each_field(FieldVisitor& visit) {
  labels.for_each_field(visit);
  visit_problem_type(visit, problem_type);
  visit("summary_first_dropout", summary_first_dropout,
        {.least = 0, .below = 1, .help = "dropout of what choices are scored by"});
  visit("classifier_dropout", classifier_dropout,
        {.least = 0, .below = 1, .help = "dropout of what a tagger reads; null: 0.1"});
  visit.constant("summary_type", "\"cls_index\"", "a choice is scored by its last token");
  visit.constant("summary_use_proj", "true", "a choice is scored by a linear layer");
  visit.constant("summary_proj_to_labels", "true", "a choice has one score");
  visit.constant("summary_activation", "null", "a choice's score is what the linear layer gives");
}

ProblemType GptHeadFields::problem() const {
  return problem_type_of(problem_type, labels);
}

PretrainedTraits gpt_traits(const std::string& model_type, const std::string& prefix, const std::string& words,
                            const std::string& task) {
  PretrainedTraits traits{
      .model_type = model_type,
      .architecture = prefix + task,
      .base_model_prefix = "transformer",
      .heads = {"lm_head.", "multiple_choice_head.", "score.", "classifier.", "qa_outputs."},
      .ignored_suffixes = {".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias"}};
  const bool has_output_layer = task == "LMHeadModel" || task == "ForCausalLM" || task == "DoubleHeadsModel";
  if (has_output_layer) traits.tied = {{"lm_head.weight", words, "tie_word_embeddings"}};
  return traits;
}

Linear output_layer(torch::nn::Module& at, const torch::Tensor& words, bool tied) {
  if (tied) return Linear(words, /*with_bias=*/false);
  return at.register_module("lm_head", Linear(words.size(1), words.size(0), /*with_bias=*/false));
}

torch::Tensor lm_loss_of_rows(const torch::Tensor& hidden, const torch::Tensor& ids, const torch::Tensor& mask,
                              const torch::Tensor& words) {
  auto total = torch::zeros({}, hidden.options().dtype(torch::kFloat32));
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    auto tokens = ids[row], states = hidden[row];  // (T), (T,C)
    if (mask.defined()) {
      const auto places = mask[row].nonzero().squeeze(1);
      tokens = tokens.index_select(0, places);
      states = states.index_select(0, places);
    }
    if (tokens.size(0) < 2) continue;
    const CrossEntropyOptions mean{.reduction = Reduction::kMean};
    total = total + linear_cross_entropy(states.slice(0, 0, -1), words, tokens.slice(0, 1), mean);
  }
  return total;
}

}  // namespace langzoo
