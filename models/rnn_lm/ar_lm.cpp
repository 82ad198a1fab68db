#include "models/rnn_lm/ar_lm.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void ArLmConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help) { return FieldRules{.least = 1, .most = kLargest, .help = help}; };
  const auto token = [](std::string_view help, bool or_more = false) {
    return FieldRules{.least = -1, .most = kLargestVocabulary, .one_or_more = or_more, .help = help};
  };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "tokens it knows"});
  visit("order", order, {.least = 1, .most = 64, .help = "the last words that it sees"});
  visit("embedding_size", embedding_size, size("width of the embedding"));
  visit("hidden_size", hidden_size, size("width of the hidden layer"));
  visit("direct", direct, {.help = "connections from the embeddings to the output"});
  visit("dropout", dropout, {.least = 0, .below = 1, .help = "of the embeddings and of the hidden layer"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "matrices begin within it"});
  visit("bos_token_id", bos_token_id, token("begins a text"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
}

void ArLmConfig::validate() const {
  check_fields(*this, "ar-lm config");
}

ArLmImpl::ArLmImpl(const ArLmConfig& config) : TaskModule(config) {
  config_.validate();
  const auto inputs = config_.order * config_.embedding_size;
  const auto table = torch::empty({config_.vocab_size, config_.embedding_size});
  {
    const SkipInit filled_below;
    embedding = register_module(
        "embedding", torch::nn::Embedding(torch::nn::EmbeddingOptions(table.size(0), table.size(1))._weight(table)));
    hidden = register_module("hidden", Linear(inputs, config_.hidden_size));
    output = register_module("output", Linear(config_.hidden_size + (config_.direct ? inputs : 0), config_.vocab_size));
  }
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : parameters()) {
    if (parameter.dim() == 1) parameter.zero_();
    if (parameter.dim() == 2) parameter.uniform_(-config_.initializer_range, config_.initializer_range);
  }
}

StreamMemory ArLmImpl::memory(std::int64_t rows) const {
  if (config_.order == 1) return {};
  const auto ends = end_tokens();
  const auto fill = ends.empty() || ends.front() >= config_.vocab_size ? 0 : ends.front();
  return {
      at::full({config_.order - 1, rows}, fill, at::TensorOptions(torch::kInt64).device(embedding->weight.device()))};
}

StreamStates ArLmImpl::read(const Tensor& ids, StreamMemory& memory) {
  if (ids.dim() != 2 || ids.numel() == 0)
    throw std::invalid_argument(c10::str("ar-lm: ids must be (B,T), not empty, are ", ids.sizes()));
  const auto n = config_.order, T = ids.size(1);
  if (memory.size() != (n > 1 ? 1 : 0) || (n > 1 && memory.front().size(1) != ids.size(0)))
    throw std::invalid_argument(c10::str("ar-lm: the memory is not that of ", ids.size(0), " rows"));
  const auto tokens = n > 1 ? at::cat({memory.front(), ids.t()}) : ids.t();  // (n - 1 + T, B)
  if (n > 1) memory = {tokens.narrow(0, T, n - 1)};
  // The oldest word comes first. Shapes: (T,B,n E).
  const auto embedded = dropped(at::embedding(embedding->weight, tokens), config_.dropout, is_training());
  const auto x = embedded.unfold(0, n, 1).permute({0, 1, 3, 2}).flatten(2);
  const auto squashed = hidden(x).tanh();
  const auto kept = dropped(squashed, config_.dropout, is_training());
  if (!config_.direct) return {kept, squashed};
  return {at::cat({kept, x}, -1), squashed};
}

Tensor ArLmImpl::output_logits(const Tensor& states) {
  return output(states);
}

Tensor ArLmImpl::output_loss(const Tensor& states, const Tensor& targets) {
  return linear_cross_entropy(states, output->weight, targets, {}, 0, output->bias);
}

std::vector<std::int32_t> ArLmImpl::end_tokens() const {
  return token_ids(generation_config.file.empty() ? config_.eos_token_id : generation_config.eos_token_id);
}

const PretrainedTraits& ArLmImpl::pretrained_traits() {
  static const PretrainedTraits traits{.model_type = "ar-lm", .architecture = "ArLM", .base_model_prefix = ""};
  return traits;
}

}  // namespace langzoo
