/// What encoders learn from: rows of tokens with what is to be found out about them, and batches of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"
#include "data/batching/length_batch_sampler.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// One sequence, special tokens included.
struct TokenRow {
  std::vector<TokenId> ids;
  std::vector<std::int32_t> type_ids = {};  ///< the segment of each; none: all 0
  bool cut = false;                         ///< its text goes on
  /// Numbers of the characters of each token, where the model reads them: as many lists as ids, else none.
  std::vector<std::vector<std::int32_t>> characters = {};
  std::vector<std::string> texts = {};  ///< of the tokens, where another model reads them; not kept
};

struct TokenExample {
  std::vector<TokenRow> rows;             ///< one; of a multiple choice one a choice
  std::vector<std::int64_t> labels = {};  ///< a class, a label for each token, first and last token of an answer, ...
  std::vector<float> values = {};         ///< numbers: of a regression, or 0 and 1 of classes of which several may hold
  /// What is to be known again of the rows once a model has read them: where words begin, which text a token is of.
  std::vector<std::int64_t> places = {};
  /// What a knowledge graph has to say of the rows, as their kind writes it: which token names which entity, paths.
  std::vector<std::int64_t> knowledge = {};
};

/// Examples in memory: 8 bytes a token, 48 an example. Any number of threads may read.
class TokenExamples {
 public:
  /// Throws std::invalid_argument for an example without rows or with another number of them than the first one, and
  /// for type ids, or lists of characters, that are not as many as ids.
  void add(const TokenExample& example);
  /// Gives an example of one row vectors of its tokens that another model has made. Shapes: features (J,T,C) float32.
  /// Throws std::invalid_argument for another number of tokens.
  void set_features(std::int64_t example, torch::Tensor features);

  std::int64_t size() const { return static_cast<std::int64_t>(labels_.ends.size()); }
  std::int64_t rows() const { return rows_; }  ///< of each example
  std::span<const TokenId> ids(std::int64_t example, std::int64_t row) const { return ids_.of(example * rows_ + row); }
  std::span<const std::int32_t> type_ids(std::int64_t example, std::int64_t row) const {
    return types_.of(example * rows_ + row);
  }
  std::span<const std::int64_t> labels(std::int64_t example) const { return labels_.of(example); }
  std::span<const float> values(std::int64_t example) const { return values_.of(example); }
  std::span<const std::int64_t> places(std::int64_t example) const { return places_.of(example); }
  /// Of the token `place` of a row; none where rows have no characters.
  std::span<const std::int32_t> characters(std::int64_t example, std::int64_t row, std::int64_t place) const;
  bool has_characters() const { return !characters_.ends.empty(); }
  /// Undefined where there are none.
  torch::Tensor features(std::int64_t example) const;
  std::span<const std::int64_t> knowledge(std::int64_t example) const { return knowledge_.of(example); }
  /// Of its longest row.
  std::int64_t length(std::int64_t example) const;

  /// Equal fingerprints, equal examples: what a resumed run compares.
  std::uint64_t fingerprint() const;

 private:
  template <class T>
  struct Lists {
    std::vector<T> items;
    std::vector<std::size_t> ends;

    void add(std::span<const T> list) {
      items.insert(items.end(), list.begin(), list.end());
      ends.push_back(items.size());
    }
    std::span<const T> of(std::int64_t list) const {
      const auto i = static_cast<std::size_t>(list);
      const std::size_t begin = i == 0 ? 0 : ends.at(i - 1);
      return std::span(items).subspan(begin, ends.at(i) - begin);
    }
  };

  std::int64_t rows_ = 0;
  Lists<TokenId> ids_;
  Lists<std::int32_t> types_;
  Lists<std::int64_t> labels_, places_, knowledge_;
  Lists<float> values_;
  Lists<std::int32_t> characters_;  ///< a list a token of all rows, or none at all
  std::vector<torch::Tensor> features_;
};

/// Of examples with several rows (R) each tensor of tokens is (B,R,T).
struct TokenBatch {
  torch::Tensor ids;                   ///< (B,T) int64, padded on the right
  torch::Tensor type_ids;              ///< (B,T) int64, 0 in padding; undefined where no example has any
  torch::Tensor mask;                  ///< (B,T) bool: true for tokens
  torch::Tensor labels;                ///< (B,N) int64, -100 behind an example's; undefined where there are none
  torch::Tensor values;                ///< (B,N) float32, 0 behind an example's; undefined where there are none
  torch::Tensor characters;            ///< (B,T,W) int64, 0 behind a token's; undefined where there are none
  torch::Tensor features;              ///< (J,B,T,C) float32, 0 behind a row's; undefined where there are none
  torch::Tensor knowledge;             ///< (B,N) int64 on the CPU, -100 behind an example's; undefined without any
  std::vector<std::int64_t> examples;  ///< which, row by row
};

/// The given examples, in the given order. Throws std::out_of_range for one that there is not.
TokenBatch token_batch(const TokenExamples& examples, std::vector<std::int64_t> chosen, TokenId pad);

/// The batch on `device`.
TokenBatch to_device(TokenBatch batch, torch::Device device);

/// For LengthBatchSampler and batches_by_length: all rows of an example, each as long as the longest.
std::vector<PairLength> token_lengths(const TokenExamples& examples);

/// Endless training batches in the order of LengthBatchSampler. `examples` must outlive them.
std::unique_ptr<BatchIterator<TokenBatch>> token_batches(const TokenExamples& examples, TokenId pad, BatchLimits limits,
                                                         std::uint64_t seed, std::size_t prepare_ahead = 0,
                                                         Rank rank = {});

}  // namespace langzoo
