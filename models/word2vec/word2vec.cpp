#include "models/word2vec/word2vec.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>
#include <torch/torch.h>

#include "models/io/config_json.h"
#include "models/layers/init.h"

namespace langzoo {

using torch::Tensor;

void Word2VecConfig::validate() const {
  const auto require = [](bool holds, const char* field, const auto& value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str("word2vec config: ", field, " = ", value, " must be ", rule));
  };
  constexpr std::int64_t kMostRows = std::int64_t{1} << 30;
  require(architecture == "skipgram" || architecture == "cbow", "architecture", architecture, "skipgram or cbow");
  require(objective == "ns" || objective == "hs" || objective == "softmax", "objective", objective,
          "ns, hs or softmax");
  require(vocab_size >= 2 && vocab_size <= kMostRows, "vocab_size", vocab_size, "between 2 and 2^30");
  require(dim >= 1 && dim <= 1 << 16, "dim", dim, "between 1 and 65536");
  require(window >= 1 && window <= 1000, "window", window, "between 1 and 1000");
  require(negative >= (objective == "ns" ? 1 : 0) && negative <= 1000, "negative", negative,
          "between 1 and 1000 (0 where the objective is not ns)");
  require(sample >= 0 && sample <= 1, "sample", sample, "between 0 (keep all words) and 1");
  require(sampling_power >= 0 && sampling_power <= 1, "sampling_power", sampling_power, "between 0 and 1");
  if (!subwords) return;
  require(min_n >= 1 && min_n <= max_n, "min_n", min_n, "between 1 and max_n");
  require(max_n <= 64, "max_n", max_n, "at most 64");
  require(buckets >= 1 && buckets <= kMostRows, "buckets", buckets, "between 1 and 2^30");
}

Word2VecConfig Word2VecConfig::from_json(std::string_view text, const std::string& origin) {
  const ConfigReader reader(text, origin);
  Word2VecConfig config;
  reader.get("vocab_size", config.vocab_size);
  reader.get("architecture", config.architecture);
  reader.get("objective", config.objective);
  reader.get("dim", config.dim);
  reader.get("window", config.window);
  reader.get("negative", config.negative);
  reader.get("sample", config.sample);
  reader.get("sampling_power", config.sampling_power);
  reader.get("full_input_gradient", config.full_input_gradient);
  reader.get("subwords", config.subwords);
  reader.get("min_n", config.min_n);
  reader.get("max_n", config.max_n);
  reader.get("buckets", config.buckets);
  reader.validate(config);
  return config;
}

std::string Word2VecConfig::to_json() const {
  ConfigWriter writer;
  return writer.set("vocab_size", vocab_size)
      .set("architecture", architecture)
      .set("objective", objective)
      .set("dim", dim)
      .set("window", window)
      .set("negative", negative)
      .set("sample", sample)
      .set("sampling_power", sampling_power)
      .set("full_input_gradient", full_input_gradient)
      .set("subwords", subwords)
      .set("min_n", min_n)
      .set("max_n", max_n)
      .set("buckets", buckets)
      .text();
}

const PretrainedTraits& Word2VecImpl::pretrained_traits() {
  static const PretrainedTraits traits{"word2vec", "Word2Vec", ""};
  return traits;
}

Word2VecImpl::Word2VecImpl(const Word2VecConfig& config) : config_(config) {
  config_.validate();
  // Given its weight, torch's embedding does not draw one.
  const auto table = [&](std::int64_t rows) {
    const auto weight = torch::empty({rows, config_.dim});
    return torch::nn::Embedding(torch::nn::EmbeddingOptions(rows, config_.dim)._weight(weight));
  };
  embeddings_ = register_module("embeddings", table(config_.input_rows()));
  output_ = register_module("output", table(config_.output_rows()));
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  const double bound = 0.5 / static_cast<double>(config_.dim);
  embeddings().uniform_(-bound, bound);
  output().zero_();
}

Tensor Word2VecImpl::hidden(const Tensor& inputs) const {
  const Tensor present = inputs.ge(0).unsqueeze(-1);
  const Tensor rows = torch::embedding(embeddings(), inputs.clamp_min(0)).mul(present);
  const Tensor sum = rows.sum(1);
  const Tensor mean = sum / present.sum(1).clamp_min(1);
  if (!config_.full_input_gradient) return mean;
  return mean.detach() + (sum - sum.detach());  // the value of the mean, the gradient of the sum
}

Tensor Word2VecImpl::loss_sum(const Word2VecBatch& batch) const {
  const Tensor h = hidden(batch.inputs);
  if (config_.objective == "softmax") {
    return torch::cross_entropy_loss(h.mm(output().t()), batch.targets.squeeze(-1), {}, at::Reduction::Sum);
  }
  const Tensor rows = torch::embedding(output(), batch.targets.clamp_min(0));
  const Tensor scores = torch::bmm(rows, h.unsqueeze(-1)).squeeze(-1);
  return torch::binary_cross_entropy_with_logits(scores, batch.labels, batch.targets.ge(0).to(scores.scalar_type()), {},
                                                 at::Reduction::Sum);
}

Tensor Word2VecImpl::word_vectors(const std::vector<std::string>& words) const {
  const torch::NoGradGuard no_grad;
  if (!config_.subwords) return embeddings().detach().cpu();
  const SubwordRows rows(words, config_.subword_options());
  const Tensor table = embeddings().detach().cpu().contiguous();
  const Tensor vectors = torch::empty({static_cast<std::int64_t>(words.size()), config_.dim});
  for (std::int64_t i = 0; i < vectors.size(0); ++i) {
    const auto of_word = rows.of(i);
    const Tensor index = torch::from_blob(const_cast<std::int32_t*>(of_word.data), {of_word.size}, torch::kInt32);
    vectors[i] = table.index_select(0, index).mean(0);
  }
  return vectors;
}

Tensor Word2VecImpl::subword_vector(std::string_view word) const {
  if (!config_.subwords) return {};
  const torch::NoGradGuard no_grad;
  auto rows = config_.subword_options().of(word);
  if (rows.empty()) return {};
  for (auto& row : rows) row += config_.vocab_size;
  return embeddings().detach().index_select(0, torch::tensor(rows).to(embeddings().device())).mean(0).cpu();
}

void Word2VecImpl::save_pretrained(const std::filesystem::path& dir) const {
  langzoo::save_pretrained(*this, config_.to_json(), pretrained_traits(), dir);
}

}  // namespace langzoo
