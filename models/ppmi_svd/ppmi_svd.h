/// Count-based word vectors as a model: PPMI of co-occurrence counts, factorised by truncated SVD.
///
/// Paper: Levy, Goldberg and Dagan, "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
/// 2015. Nothing is trained step by step: fit() does it all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <torch/nn/modules/embedding.h>

#include "models/ppmi_svd/sparse_matrix.h"
#include "models/pretrained.h"

namespace langzoo {

/// config.json of model_type "ppmi-svd".
struct PpmiSvdConfig {
  std::int64_t vocab_size = 0;
  std::int64_t dim = 100;
  std::string association = "ppmi";  ///< what the SVD is of: ppmi, or counts, ln(1 + count)
  double context_smoothing = 0.75;   ///< PpmiOptions::context_smoothing
  double shift = 1.0;                ///< PpmiOptions::shift
  double eigenvalue_weight = 0.5;    ///< p of U diag(s)^p
  bool add_contexts = false;         ///< V diag(s)^p is added to it

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class PpmiSvdImpl : public torch::nn::Module {
 public:
  using Config = PpmiSvdConfig;
  static const PretrainedTraits& pretrained_traits();

  /// All vectors zero. Throws std::invalid_argument.
  explicit PpmiSvdImpl(const PpmiSvdConfig& config);

  /// Replaces the vectors. Throws std::invalid_argument when `counts` is not (V,V).
  void fit(const SparseMatrix& counts, std::uint64_t seed);
  torch::Tensor word_vectors() const { return embeddings->weight.detach(); }  ///< (V,C)
  void save_pretrained(const std::filesystem::path& dir) const;

  const PpmiSvdConfig& config() const { return config_; }

  torch::nn::Embedding embeddings{nullptr};

 private:
  PpmiSvdConfig config_;
};
TORCH_MODULE(PpmiSvd);

}  // namespace langzoo
