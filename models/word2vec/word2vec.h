/// word2vec: word vectors learned by predicting words from their neighbours. Skip-gram predicts each word of a window
/// from one neighbour at a time, CBOW from the mean of them all; with subwords a word is the mean of its own vector and
/// those of its character n-grams (fastText).
///
/// Papers: Mikolov et al. 2013, "Efficient estimation of word representations in vector space" (1301.3781) and
/// "Distributed representations of words and phrases and their compositionality" (1310.4546); Bojanowski et al. 2017.
/// Follows word2vec.c where papers and code differ.
///
/// The module here is the reference: any device, any optimizer, gradients by autograd. HogwildTrainer
/// (hogwild_trainer.h) trains the same parameters on the CPU many times faster.
///
/// Letters: V words, C width (dim), B examples, W input rows an example (padded with -1), N targets an example.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <torch/nn/modules/embedding.h>

#include "models/pretrained.h"
#include "models/word2vec/huffman.h"
#include "models/word2vec/subwords.h"

namespace langzoo {

/// config.json of model_type "word2vec". The defaults are word2vec.c's.
struct Word2VecConfig {
  std::int64_t vocab_size = 0;
  std::string architecture = "skipgram";  ///< skipgram or cbow
  std::string objective = "ns";  ///< ns (negative sampling), hs (hierarchical softmax) or softmax (over all words)
  std::int64_t dim = 100;
  std::int64_t window = 5;       ///< words on either side at most; how many is drawn anew from 1..window for each word
  std::int64_t negative = 5;     ///< words drawn for each example of objective ns
  double sample = 1e-3;          ///< threshold of subsampling, 0: none
  double sampling_power = 0.75;  ///< negatives are drawn with P(w) ~ count^sampling_power
  /// The mean over input rows hands its whole error to each of them, as in word2vec.c and fastText; false: the true
  /// gradient, error / W.
  bool full_input_gradient = true;
  bool subwords = false;  ///< words are composed of character n-grams
  std::int64_t min_n = 3, max_n = 6, buckets = 2'000'000;

  bool skip_gram() const { return architecture == "skipgram"; }
  /// Rows of the input embedding, and of the output layer: a word's, or an inner node's of the Huffman tree.
  std::int64_t input_rows() const { return vocab_size + (subwords ? buckets : 0); }
  std::int64_t output_rows() const { return objective == "hs" ? vocab_size - 1 : vocab_size; }
  Subwords subword_options() const { return {min_n, max_n, buckets}; }

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

/// Examples as tensors on any device.
struct Word2VecBatch {
  torch::Tensor inputs;   ///< (B,W) int64 rows of the embedding whose mean is the input; -1: none
  torch::Tensor targets;  ///< (B,N) int64 rows of the output layer; -1: none. Objective softmax: (B,1), the word
  torch::Tensor labels;   ///< (B,N) float32, 1 for what occurred (or code 0), else 0; not read by softmax
};

class Word2VecImpl : public torch::nn::Module {
 public:
  using Config = Word2VecConfig;
  static const PretrainedTraits& pretrained_traits();

  /// Input rows U(-1/2, 1/2)/C, output rows zero (word2vec.c). Throws std::invalid_argument.
  explicit Word2VecImpl(const Word2VecConfig& config);

  const Word2VecConfig& config() const { return config_; }
  const torch::Tensor& embeddings() const { return embeddings_->weight; }  ///< (input_rows,C)
  const torch::Tensor& output() const { return output_->weight; }          ///< (output_rows,C)

  /// The mean of each example's input rows. Shapes: inputs (B,W) -> (B,C).
  torch::Tensor hidden(const torch::Tensor& inputs) const;
  /// What every row of the output layer says to each example. Shapes: inputs (B,W) -> (B,output_rows).
  torch::Tensor forward(const torch::Tensor& inputs) const { return hidden(inputs).mm(output().t()); }
  /// The objective summed over the batch, in nats:
  ///  - ns, hs: sum over targets of -log sigma(v.h) where the label is 1, -log sigma(-v.h) where it is 0
  ///    (1310.4546, equations 4 and 3);
  ///  - softmax: -log softmax over all words (equation 2).
  /// Shapes: -> scalar.
  torch::Tensor loss_sum(const Word2VecBatch& batch) const;
  /// Vectors of the vocabulary's words, composed where the model has subwords. Shapes: -> (V,C), no gradient.
  torch::Tensor word_vectors(const std::vector<std::string>& words) const;
  /// Of a word that is not in the vocabulary, from its n-grams alone; undefined where it has none. Shapes: -> (C).
  torch::Tensor subword_vector(std::string_view word) const;

  /// Writes config.json and model.safetensors; the words are the caller's to keep.
  void save_pretrained(const std::filesystem::path& dir) const;

 private:
  Word2VecConfig config_;
  torch::nn::Embedding embeddings_{nullptr}, output_{nullptr};
};
TORCH_MODULE(Word2Vec);

}  // namespace langzoo
