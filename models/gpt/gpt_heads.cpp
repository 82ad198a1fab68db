#include "models/gpt/gpt_heads.h"

#include <map>
#include <vector>

#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

void GptHeadFields::visit_heads(FieldVisitor& visit) {
  labels.for_each_field(visit);
  visit_problem_type(visit, problem_type);
  visit("summary_first_dropout", summary_first_dropout,
        {.least = 0, .below = 1, .help = "dropout of what choices are scored by"});
  visit("classifier_dropout", classifier_dropout,
        {.least = 0, .below = 1, .help = "dropout of what a tagger reads; null: 0.1"});
  visit("pair_in_both_orders", pair_in_both_orders,
        {.help = "a classifier reads pairs in either order and adds up the logits"});
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
  const auto sum_of = [&](const torch::Tensor& states, const torch::Tensor& tokens) {  // (R,N,C), (R,N)
    const auto last = tokens.size(1) - 1;
    return linear_cross_entropy(states.narrow(1, 0, last).flatten(0, 1), words, tokens.narrow(1, 1, last).flatten()) /
           static_cast<double>(last);
  };
  auto total = torch::zeros({}, hidden.options().dtype(torch::kFloat32));
  if (!mask.defined()) return ids.size(1) < 2 ? total : total + sum_of(hidden, ids);
  // Rows of one length at once: their tokens count alike.
  std::map<std::int64_t, std::vector<std::int64_t>> rows_by_length;
  const auto lengths = mask.ne(0).sum(1).to(torch::kCPU);
  for (std::int64_t row = 0; row < ids.size(0); ++row) rows_by_length[lengths[row].item<std::int64_t>()].push_back(row);
  for (const auto& [length, rows] : rows_by_length) {
    if (length < 2) continue;
    const auto chosen = torch::tensor(rows).to(ids.device());
    const auto there = mask.index_select(0, chosen).ne(0);  // (R,T)
    const auto count = static_cast<std::int64_t>(rows.size());
    total = total + sum_of(hidden.index_select(0, chosen).index({there}).view({count, length, -1}),
                           ids.index_select(0, chosen).index({there}).view({count, length}));
  }
  return total;
}

}  // namespace langzoo
