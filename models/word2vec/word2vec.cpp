#include "models/word2vec/word2vec.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void Word2VecConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kMostRows = 1 << 30;
  visit("vocab_size", vocab_size, {.least = 2, .most = kMostRows, .help = "words"});
  visit("architecture", architecture, {.choices = {"skipgram", "cbow"}, .help = "skipgram or cbow"});
  visit("objective", objective,
        {.choices = {"ns", "hs", "softmax"},
         .help = "of skipgram and cbow: ns (negative sampling), hs (hierarchical softmax) or softmax"});
  visit("dim", dim, {.least = 1, .most = 1 << 16, .help = "width of the vectors"});
  visit("window", window, {.least = 1, .most = 1000, .help = "words on either side that count as neighbours"});
  visit("negative", negative, {.least = 0, .most = 1000, .help = "negative words for each example of ns"});
  visit("sample", sample, {.least = 0, .most = 1, .help = "threshold of subsampling frequent words; 0: none"});
  visit("sampling_power", sampling_power,
        {.least = 0, .most = 1, .help = "negatives are drawn by count to this power"});
  visit("full_input_gradient", full_input_gradient,
        {.help = "cbow, subwords: every part of an input takes the whole error, not its share"});
  visit("subwords", subwords, {.help = "compose words of character n-grams, which gives unseen words a vector"});
  visit("min_n", min_n, {.least = 1, .most = 64, .help = "characters of the shortest n-gram"});
  visit("max_n", max_n, {.least = 1, .most = 64, .help = "characters of the longest"});
  visit("buckets", buckets, {.least = 1, .most = kMostRows, .help = "rows that the n-grams share"});
}

void Word2VecConfig::validate() const {
  check_fields(*this, "word2vec config");
  if (objective == "ns" && negative < 1)
    throw std::invalid_argument("word2vec config: negative = 0 must be at least 1 where the objective is ns");
  if (subwords && min_n > max_n)
    throw std::invalid_argument(c10::str("word2vec config: min_n = ", min_n, " must be at most max_n = ", max_n));
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
  langzoo::save_pretrained(*this, config_, pretrained_traits(), dir);
}

}  // namespace langzoo
