/// Words with a vector each, whatever model they come from: look-up, neighbours, analogies.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "models/word_vectors/word_index.h"

namespace langzoo {

struct Neighbor {
  std::string word;
  double similarity;  ///< cosine
};

/// Gives words that are not in the table a vector from their parts (fastText's character n-grams).
class OutOfVocabulary {
 public:
  virtual ~OutOfVocabulary() = default;
  /// Shapes: -> (C) float32, or undefined when nothing of the word is known.
  virtual torch::Tensor vector(std::string_view word) const = 0;
};

/// Copies share their tensors; every const member may be called from several threads.
class WordVectors {
 public:
  /// Shapes: vectors (V,C) float32 on the CPU, row i is words[i]. Throws std::invalid_argument when the sizes disagree,
  /// a word is given twice, or a value is not finite (the message names the word).
  WordVectors(std::vector<std::string> words, torch::Tensor vectors,
              std::shared_ptr<const OutOfVocabulary> out_of_vocabulary = nullptr);

  std::size_t size() const { return words_.size(); }
  std::int64_t dim() const { return vectors_.size(1); }
  const std::vector<std::string>& words() const { return words_; }
  const torch::Tensor& vectors() const { return vectors_; }
  /// Rows scaled to length 1 (zero rows stay zero), made on first use. Shapes: -> (V,C).
  const torch::Tensor& normalized() const;
  /// The word's row, or -1.
  std::int64_t find(std::string_view word) const;
  /// Shapes: -> (C); composed where the word is not in the table but can be, else nothing.
  std::optional<torch::Tensor> vector(std::string_view word) const;
  /// Cosine of the two words, or nothing where a vector is missing.
  std::optional<double> similarity(std::string_view a, std::string_view b) const;

  /// The `n` words nearest to `query` by cosine, `</s>` and the words in `without` left out; ties by row.
  /// Throws std::invalid_argument for a query that is not finite or of another shape. Shapes: query (C) float32.
  std::vector<Neighbor> nearest(const torch::Tensor& query, std::int64_t n,
                                const std::vector<std::string>& without = {}) const;

 private:
  std::vector<std::string> words_;
  torch::Tensor vectors_;
  WordIndex index_;
  std::shared_ptr<const OutOfVocabulary> out_of_vocabulary_;
  struct Normalized {
    std::once_flag once;
    torch::Tensor rows;
  };
  std::shared_ptr<Normalized> normalized_;
};

/// In float64; 0 where either vector is zero. Shapes: a (C), b (C), float32 on the CPU.
double cosine(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace langzoo
