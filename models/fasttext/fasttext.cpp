#include "models/fasttext/fasttext.h"

#include "third_party/torch.h"

namespace langzoo {

void FastTextConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 24;
  visit("vocab_size", vocab_size, {.least = 1, .most = kLargest, .from_tokenizer = true, .help = "tokens it knows"});
  visit("dim", dim, {.least = 1, .most = kLargest, .help = "width of the word vectors"});
  visit("word_ngrams", word_ngrams, {.least = 1, .most = 16, .help = "words of the longest n-grams; 1: words alone"});
  visit("bucket", bucket, {.least = 1, .most = kLargest, .help = "vectors that the n-grams share"});
  visit("dropout", dropout, {.least = 0, .below = 1, .help = "of the text's vector"});
  labels.for_each_field(visit);
}

void FastTextConfig::validate() const {
  check_fields(*this, "fasttext config");
  labels.validate("fasttext config");
}

FastTextForSequenceClassificationImpl::FastTextForSequenceClassificationImpl(const Config& config)
    : TaskModule(config) {
  const auto table = torch::empty({config.vocab_size + (config.word_ngrams > 1 ? config.bucket : 0), config.dim});
  const auto embedding = torch::nn::EmbeddingOptions(table.size(0), config.dim)._weight(table);
  embeddings = register_module("embeddings", torch::nn::Embedding(embedding));
  classifier = register_module("classifier", Linear(config.dim, config.labels.size(), /*with_bias=*/false));
  if (SkipInit::active()) return;
  const double bound = 1.0 / static_cast<double>(config.dim);
  torch::nn::init::uniform_(embeddings->weight, -bound, bound);
  torch::nn::init::zeros_(classifier->weight);
}

torch::Tensor FastTextForSequenceClassificationImpl::logits(const TokenInputs& inputs) {
  constexpr std::int64_t kHashFactor = 116'049'371;  // fastText's
  const auto& ids = inputs.ids;
  const auto mask = inputs.attention_mask.defined() ? inputs.attention_mask.ne(0) : at::ones_like(ids, torch::kBool);
  std::vector<torch::Tensor> features = {ids}, present = {mask};
  auto hash = ids;
  for (std::int64_t n = 1; n < config_.word_ngrams && n < ids.size(1); ++n) {
    hash = (hash.slice(1, 0, -1) * kHashFactor + ids.slice(1, n)).remainder(config_.bucket);
    features.push_back(hash + config_.vocab_size);
    present.push_back(present.back().slice(1, 0, -1) & mask.slice(1, n));
  }
  const auto vectors = embeddings(torch::cat(features, 1));  // (B, features, C)
  const auto weights = torch::cat(present, 1).to(vectors.scalar_type()).unsqueeze(-1);
  const auto mean = (vectors * weights).sum(1) / weights.sum(1).clamp_min(1);  // 0 of an empty text
  return classifier(at::dropout(mean, config_.dropout, is_training()));
}

const PretrainedTraits& FastTextForSequenceClassificationImpl::pretrained_traits() {
  static const PretrainedTraits traits = {.model_type = "fasttext",
                                          .architecture = "FastTextForSequenceClassification",
                                          .base_model_prefix = "",
                                          .heads = {"classifier."}};
  return traits;
}

}  // namespace langzoo
